"""Configurations that are valid as declared, hostile where they may be, and small enough to train within milliseconds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, get_args

from hypothesis import strategies as st
from pydantic import BaseModel

from gradtop.trainer.config import Config, ConfigProblems, FieldSpec, sections
from gradtop.trainer.config.validate import validate
from gradtop.trainer.declare import Kind, declared

Tables = dict[str, dict[str, Any]]

# Numbers that cost time or memory: the most that is drawn of each.
MOST = {
    "model.hidden": 9, "model.channels": 9, "model.depth": 2, "model.kernel_size": 9, "model.padding": 4, "model.num_layers": 2,
    "model.hidden_size": 12, "model.num_heads": 12, "model.context": 12, "data.samples": 9, "data.classes": 12, "data.image_size": 12,
    "data.channels": 5, "data.workers": 0, "training.steps": 2, "training.epochs": 2, "schedule.warmup_steps": 2,
}  # fmt: skip
TORCHVISION = (
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3", "maxvit_t", "mnasnet0_5",
    "mobilenet_v2", "mobilenet_v3_small", "regnet_y_400mf", "resnet18", "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_1", "swin_t",
    "swin_v2_t", "vgg11", "vit_b_16",
)  # fmt: skip
# Those that a few small images take no second.
LIGHT = ("mnasnet0_5", "mobilenet_v3_small", "resnet18", "shufflenet_v2_x0_5", "squeezenet1_1", "regnet_y_400mf", "resnet", "vit_b_17", "fasterrcnn_resnet50_fpn")
ARGUMENTS: dict[str, tuple[dict[str, Any], ...]] = {
    "torchvision": ({}, {"dropout": 0.5}, {"dropout": 2.0}, {"norm_layer": "batch"}, {"width_per_group": -1}, {"zero_init_residual": True}, {"groups": 0}, {"progress": False}, {"weights": "DEFAULT"}, {"num_classes": 3}, {"aux_logits": True}, {"image_size": 32}, {"replace_stride_with_dilation": [True, True]}),
    "linear": ({}, {"width": 1}, {"width": "x"}, {"depth": 1}, {"classes": 2}, {"classes": 0}, {"size": 3}),
    "given": tuple({"how": how} for how in ("train", "tuple in training", "other in training", "no gradient", "whole", "complex", "double", "half", "nan", "no batch", "in place", "plain")),
    "pictures": ({}, {"count": 1}, {"count": 0}, {"count": 2, "classes": 2}, {"channels": 0}, {"size": 1}, {"size": 1, "channels": 1}, {"classes": 1000}),
    "numbers_of": ({}, {"dtype": "float16"}, {"dtype": "float64"}, {"dtype": "bool"}, {"dtype": "complex64"}, {"dtype": "int64"}, {"shape": []}, {"shape": [5]}, {"shape": [2, 3]}, {"shape": [3, 4, 5]}, {"shape": [2, 2, 2, 2]}, {"dtype": "int16", "shape": [6]}),
    "labels_of": tuple({"what": what} for what in ("far", "negative", "floats", "places", "masks")),
    "sequences": ({}, {"length": 3}, {"length": 1}, {"length": 40}),
}  # fmt: skip
MODELS = ("linear", "characters", "given", "double", "half", "half_weights", "lazy", "complex_weights", "on_meta", "unused", "infinite", "sparse", "instance_norm", "batch_norm", "identity", "nothing", "raises", "leaves", "number", "missing")
DATA = ("pictures", "numbers_of", "singles", "broken", "one_class", "one_sample", "labels_of", "sequences", "strange_characters", "nothing", "raises", "leaves", "number", "missing")
ELSEWHERE = ("no_such_package.at_all:build", "tests.training.no_such_module:build", "os:getcwd", "json:loads")
# Made by `hostile_files`, but for those that are missing.
DOWNLOADED = ("downloads", "downloads", "downloads", "downloads", "damaged", "a file", "missing")
FOLDERS = ("images", "images", "images", "images", "some broken", "some broken", "all broken", "one class", "one each", "empty", "empty class", "a file", "missing")
TEXTS = ("good", "good", "latin1", "short", "one", "same", "nothing", "wide", "bom", "binary", "a folder", "no text")
WEIGHTS = ("good.pt", "good.pt", "infinite.pt", "other.pt", "list.pt", "none.pt", "inside.pt", "half.pt", "complex.pt", "sparse.pt", "quantised.pt", "empty.pt", "rubbish.pt", "object.pt", "rubbish.safetensors", "good.safetensors", "a folder", "missing.pt")
PATTERNS = ("*", "*.bias", "*.weight", "head.*", "no such*", "[", "[!a]*", "?", "", "*1*", "conv1.weight")


def limits(spec: FieldSpec, kind: str) -> dict[str, float]:
    """The declared bounds of a field."""
    declared_as = Config.model_fields[spec.section].annotation
    if isinstance(declared_as, type) and issubclass(declared_as, Kind):
        of_kind: type[BaseModel] = declared_as.kinds()[kind]
    else:
        classes = get_args(declared_as) or (declared_as,)
        of_kind = next(each for each in classes if not kind or each.model_fields["kind"].default == kind)
    bounds: dict[str, float] = declared(of_kind, spec.name).get("bounds", {})
    return bounds


def floats(spec: FieldSpec, bounds: dict[str, float]) -> st.SearchStrategy[float]:
    """The ends of what is allowed, what is next to them, the default, and all between."""
    low = bounds.get("ge", bounds.get("gt", 0.0))
    high = bounds.get("le", bounds.get("lt", math.inf))
    ends = {low, math.nextafter(low, math.inf), low + 1e-12, low + 1e-3, 0.5, 1.0, math.nextafter(high, 0.0), high, 1e3, 1e30}
    allowed = [value for value in sorted(ends) if math.isfinite(value) and _allowed(value, bounds)]
    usual = [spec.default] if isinstance(spec.default, float) else list(spec.default)
    return st.sampled_from([*usual, *usual, *allowed]) | st.floats(max(low, 1e-9), min(high, 10.0), exclude_max=True).filter(lambda value: _allowed(value, bounds))


def _allowed(value: float, bounds: dict[str, float]) -> bool:
    return value >= bounds.get("ge", -math.inf) and value > bounds.get("gt", -math.inf) and value <= bounds.get("le", math.inf) and value < bounds.get("lt", math.inf)


def ints(spec: FieldSpec, bounds: dict[str, float]) -> st.SearchStrategy[int]:
    low, high = int(bounds.get("ge", 0)), int(bounds.get("le", 2**53))
    most = MOST.get(spec.key)
    if most is not None:
        return st.integers(low, max(most, low))
    usual = spec.default if isinstance(spec.default, int) else low
    return st.sampled_from([usual, low, min(low + 1, high), high - 1, high]) | st.integers(low, min(low + 5, high))


def values(spec: FieldSpec, kind: str, files: Path) -> st.SearchStrategy[Any]:
    bounds = limits(spec, kind)
    match spec.type:
        case "bool":
            return st.booleans()
        case "choice":
            return st.sampled_from(spec.choices)
        case "float":
            return floats(spec, bounds)
        case "floats":
            return st.lists(floats(spec, bounds), min_size=len(spec.default), max_size=len(spec.default))
        case "int":
            return ints(spec, bounds)
        case "ints":
            return st.lists(ints(spec, bounds), max_size=3) | (ints(spec, bounds) if spec.per_layer else st.nothing())
        case "texts":
            return st.lists(st.sampled_from(PATTERNS), max_size=3)
        case "text" | "table":
            return st.just(spec.default)  # `_filled` knows what would be of interest


@st.composite
def tables(draw: st.DrawFn, files: Path) -> Tables:
    """Tables of values that are within their bounds, small; what must hold between fields is not looked at."""
    made: Tables = {}
    for part in sections():
        kind = draw(st.sampled_from(sorted(part.fields) + ["none"] * 4 * ("none" in part.fields)))
        # A field in three stays what it is, so that what meets is not always hostile in every way at once.
        chosen = {spec.name: draw(values(spec, kind, files)) for spec in part.of(kind) if spec.name != "kind" and (spec.key in MOST or draw(st.integers(0, 2)))}
        made[part.name] = {"kind": kind, **chosen} if kind else chosen
    _fill(draw, made, files)
    return made


def _fill(draw: st.DrawFn, made: Tables, files: Path) -> None:
    """Names, files and arguments; a length of two steps; a device that is there."""
    model, data, training = made["model"], made["data"], made["training"]
    if model["kind"] == "torchvision":
        model["name"] = draw(st.sampled_from(LIGHT))
        model["arguments"] = draw(st.sampled_from(ARGUMENTS["torchvision"]))
    for table, names in ((model, MODELS), (data, DATA)):
        if table["kind"] == "custom":
            name = draw(st.sampled_from(names))
            table["target"] = draw(st.sampled_from([f"tests.training.project:{name}"] * 9 + list(ELSEWHERE)))
            table["arguments"] = draw(st.sampled_from(ARGUMENTS.get(name, ({},) * 4 + ({"odd": 1},))))
    if data["kind"] in ("mnist", "fashion_mnist", "cifar10", "cifar100"):
        data["root"] = str(files / draw(st.sampled_from(DOWNLOADED)))
    if model["kind"] == "language_model" and data["kind"] not in ("text", "custom"):
        data.clear()
        data["kind"] = "text"
    if data["kind"] == "text":
        data["file"] = str(files / draw(st.sampled_from(TEXTS)))
    made["init"]["pretrained"] = str(files / draw(st.sampled_from(WEIGHTS))) if not draw(st.integers(0, 5)) else draw(st.sampled_from([""] * 20 + ["~nobody/at all"]))
    if data["kind"] == "image_folder":
        data["root"] = str(files / draw(st.sampled_from(FOLDERS)))
        data["image_size"] = 8 + data["image_size"] % 5
    training["device"] = draw(st.sampled_from(["cpu"] * 20 + ["auto", "cuda:9999", "mps"]))
    training["compile"] = False
    if training["steps"] == 0 and data["kind"] != "fake":
        training["steps"] = 2


def config_of(made: Tables) -> Config:
    """The configuration that the tables make once what their fields disagree in is put right."""
    for _ in range(40):
        try:
            return validate(made)
        except ConfigProblems as wrong:
            for problem in wrong.problems:
                _put_right(made, problem.key)
    raise AssertionError(f"cannot be put right: {made}")


AGREEABLE = {"freeze.unfreeze_epoch": 2, "model.patch_size": 1, "model.num_heads": 1, "model.channels": [2], "model.kernel_size": 1, "schedule.min_lr": 0.0, "schedule.milestones": [1, 2], "optimizer.nesterov": False}


def _put_right(made: Tables, key: str) -> None:
    table, _, name = key.partition(".")
    if key == "model.kind":
        made["data"] = {"kind": "fake", "samples": 7, "image_size": 6} if made["model"]["kind"] != "language_model" else {"kind": "text", "file": made["data"]["file"]}
    elif key == "monitor.healthy_low":
        made["monitor"] = {"enabled": made["monitor"].get("enabled", True)}
    elif key in AGREEABLE and made[table].get(name) != AGREEABLE[key]:
        made[table][name] = AGREEABLE[key]
    else:
        made[table].pop(name, None)


@st.composite
def configs(draw: st.DrawFn, files: Path) -> Config:
    return config_of(draw(tables(files)))
