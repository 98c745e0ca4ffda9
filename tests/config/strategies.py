"""Random configurations, made from the declarations themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from gradtop.trainer.config import Config, ConfigProblems, FieldSpec, Problem, parse_config, sections
from gradtop.trainer.config.schema import section
from gradtop.trainer.config.validate import validate

FLOATS = st.one_of(st.floats(1e-12, 0.999), st.sampled_from([0.1, 1e-3, 3e-4, 1e-5, 0.5, 0.30000000000000004]))
TEXTS = {"device": st.sampled_from(["auto", "cpu", "cuda", "cuda:0", "cuda:31", "mps"]), "name": st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True), "target": st.sampled_from(["my.models:build", "a:b.c"]), "tokenizer": st.sampled_from(["characters", "bpe", "a/tokenizer.json"])}
INTS = {"image_size": st.integers(16, 64), "histogram_bins": st.integers(8, 512), "max_bytes": st.integers(10**6, 10**12), "classes": st.integers(2, 99), "warmup_steps": st.integers(0, 3), "channels": st.integers(1, 64), "num_heads": st.just(1), "patch_size": st.just(1), "workers": st.integers(0, 8), "prefetch": st.integers(1, 8), "depth": st.integers(1, 5), "context": st.integers(2, 99), "layers": st.integers(1, 9), "growth": st.integers(1, 9), "num_layers": st.integers(1, 9), "crop": st.integers(0, 9), "length": st.integers(1, 2_000), "vocab_size": st.integers(257, 60_000)}
ARGUMENTS = st.dictionaries(st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True), st.booleans() | st.integers(-9, 9) | st.sampled_from(["x", "a b"]) | st.lists(st.integers(0, 3), max_size=2), max_size=2)
PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=20).filter(lambda text: text.strip() and text.isprintable())


def values(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """Values of a field that are within its bounds, as TOML holds them."""
    match spec.type:
        case "bool":
            return st.booleans()
        case "choice":
            return st.sampled_from(spec.choices)
        case "text":
            return TEXTS.get(spec.name, PRINTABLE)
        case "float":
            if spec.name == "test":  # data are left for training
                return st.sampled_from([0.0, 0.1, 0.5])
            if spec.bounds == "≥ 1":
                return st.floats(1, 1e6)
            below_one = FLOATS.filter(lambda value: value <= 0.5) if spec.name == "budget" else FLOATS
            return below_one if "≤" in spec.bounds or "<" in spec.bounds or " to " in spec.bounds else st.one_of(FLOATS, st.floats(1, 1e6), st.integers(1, 100))
        case "int":
            return INTS.get(spec.name, st.integers(1, 10_000))
        case "ints" if spec.name == "mask_values":
            return st.sampled_from([[0, 255], [7, 3, 1]])
        case "ints":
            return st.integers(1, 3) if spec.per_layer else st.lists(st.integers(1, 2_000), min_size=1, max_size=4)
        case "texts" if spec.name == "metrics":
            return st.just(["my.metrics:score"])
        case "texts":
            return st.lists(st.from_regex(r"[a-z*][a-z0-9.*]{0,8}", fullmatch=True), min_size=1, max_size=3)
        case "table":
            return ARGUMENTS
        case "floats":
            return st.lists(FLOATS, min_size=2, max_size=2)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Tables of valid values, some fields left out; what must hold between fields is put right."""
    made: dict[str, dict[str, Any]] = {}
    for part in sections():
        kind = draw(st.sampled_from(sorted(part.fields)))
        chosen = {spec.name: draw(values(spec)) for spec in part.of(kind) if spec.name != "kind" and draw(st.booleans())}
        made[part.name] = {"kind": kind, **chosen} if kind else chosen
    model = made["model"]
    if model["kind"] == "cnn":
        model |= {"stride": 1, "padding": draw(st.integers(1, 3))}
        if draw(st.booleans()):
            layers = len(model.setdefault("channels", [8, 8]))
            model["kernel_size"] = draw(st.lists(st.integers(1, 3), min_size=layers, max_size=layers))
    _put_right(made)
    made["task"] = _fitting_task(made)
    made["optimizer"].pop("nesterov", None)
    if made["optimizer"]["kind"] == "muon":
        made["optimizer"].pop("implementation", None)
    if "min_lr" in made["schedule"]:
        made["optimizer"]["lr"] = made["schedule"]["min_lr"] + draw(st.sampled_from([0.0, 1e-3, 0.1]))
    made["monitor"] = {name: value for name, value in made["monitor"].items() if not name.startswith("healthy")}
    return made


def _put_right(made: dict[str, dict[str, Any]]) -> None:
    """What must hold between sections."""
    if (made["data"]["kind"] == "text") != (made["model"]["kind"] == "language_model"):
        made["data"], made["model"] = {"kind": "digits"}, {"kind": "mlp"}
    if made["data"]["kind"] == "table":
        made["data"], made["model"] = {"kind": "table"}, {"kind": "mlp"}
    if made["data"]["kind"] == "text" and "file" not in made["data"]:
        made["data"].pop("column", None)
    if made["data"].get("test"):
        made["data"].pop("test_file", None)
    if made["data"]["kind"] in {"text", "table"}:
        made["augment"] = {}
    if made["data"]["kind"] != "text":
        made["sample"] = {}
    if "hidden_size" in made["model"] and made["model"]["kind"] != "shared":
        made["model"]["num_heads"] = 1
    if made["model"]["kind"] == "transformer":
        made["model"]["patch_size"] = 1
    if "milestones" in made["schedule"]:
        made["schedule"]["milestones"] = sorted(set(made["schedule"]["milestones"]))
    made["schedule"].pop("warmup_epochs", None)
    if made["freeze"].get("unfreeze_epoch") == 1:
        del made["freeze"]["unfreeze_epoch"]
    if made["training"].get("steps"):
        made["schedule"].pop("warmup_steps", None)
    made["training"].pop("monitor", None)  # which data have which metric is tested by itself
    if made["training"].get("clip"):
        made["training"].pop("clip_value", None)


def _fitting_task(made: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The task, where these data have such targets."""
    task, data = made["task"], made["data"]["kind"]
    if task["kind"] in {"regression", "multi_label"} and data in {"custom", "table"} and not (task.get("pos_weight") and task.get("balanced")):
        made["augment"], made["training"] = ({name: value for name, value in made[table].items() if name not in {"mixup", "cutmix", "label_smoothing"}} for table in ("augment", "training"))
        if made["data"].get("sampler") == "balanced":
            del made["data"]["sampler"]
        return task
    if task["kind"] == "classification" and data not in {"text", "custom"}:
        return {"kind": "classification"}  # how weights are combined with other fields is tested by itself
    return {"kind": "language_model" if task["kind"] == "language_model" and data == "text" else "auto"}


@st.composite
def configs(draw: st.DrawFn) -> Config:
    return validate(draw(tables()))


def attempt(make: Callable[[], Config]) -> tuple[Config | None, tuple[Problem, ...]]:
    """The configuration, or all that is wrong with it; anything else that is raised is a fault."""
    try:
        return make(), ()
    except ConfigProblems as wrong:
        return None, wrong.problems


def problems_of(text: str, *overrides: str) -> list[str]:
    """Key and message of every problem that a TOML text has."""
    _, problems = attempt(lambda: parse_config(text, source="run.toml", overrides=overrides))
    return [f"{problem.key}: {problem.explanation}" for problem in problems]


def every_field() -> list[FieldSpec]:
    return [spec for part in sections() for kind in part.fields for spec in section(part.name).of(kind)]
