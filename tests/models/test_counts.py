"""Parameter counts: of any hyperparameters, what the formulas say is what the model holds, and both are what the layers take."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gradtop.trainer.config import (
    Cnn,
    CustomModel,
    LanguageModel,
    Mlp,
    ModelConfig,
    Shared,
    TorchvisionModel,
    Transformer,
    parse_config,
    sections,
)
from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.models.build import build_model
from gradtop.trainer.models.description import Description, describe
from gradtop.trainer.server.previews import describe_config
from tests.models.formulas import evaluated

WIDTHS = st.integers(1, 40)
PICTURES = st.builds(DataInfo, channels=st.integers(1, 4), size=st.sampled_from([4, 8, 12]), classes=st.integers(2, 30))
TEXTS = st.builds(DataInfo, channels=st.just(0), size=st.just(0), classes=st.integers(2, 90))


def counted(config: ModelConfig, info: DataInfo) -> Description:
    """The description of the model, whose every formula was found to give the count of its module, and the total that of torch."""
    with torch.device("meta"):
        model = build_model(config, info)
    found = describe(model)
    modules = dict(model.named_modules(remove_duplicate=False))
    for row in found.modules:
        own = sum(parameter.numel() for parameter in modules[row.path].parameters(recurse=False))
        assert evaluated(row.formula) == own, row
    # torch counts a parameter that is there twice once.
    assert found.total == sum(parameter.numel() for parameter in model.parameters())
    tied = sum(row.count for row in found.parameters if row.tied_to)
    assert found.total + tied == sum(evaluated(row.formula) for row in found.modules)
    return found


def linear(seen: int, given: int) -> int:
    return seen * given + given


@st.composite
def cnns(draw: st.DrawFn) -> Cnn:
    layers = draw(st.integers(1, 3))
    kernel = draw(st.lists(st.sampled_from([1, 3]), min_size=layers, max_size=layers))
    return Cnn.model_validate(
        {
            "channels": draw(st.lists(WIDTHS, min_size=layers, max_size=layers)),
            "depth": draw(st.integers(1, 3)),
            "kernel_size": kernel,
            "padding": [side // 2 for side in kernel],
            "norm": draw(st.sampled_from(["none", "batch", "layer", "group"])),
            "activation": draw(st.sampled_from(["relu", "gelu"])),
        }
    )


@st.composite
def attending(draw: st.DrawFn, /, **more: st.SearchStrategy[Any]) -> dict[str, Any]:
    heads = draw(st.integers(1, 4))
    return {
        "num_layers": draw(st.integers(1, 3)),
        "num_heads": heads,
        "hidden_size": heads * draw(st.integers(1, 12)),
        **{name: draw(values) for name, values in more.items()},
    }


def blocks(layers: int, width: int) -> int:
    """Attention's three matrices and its output, two norms, and a multilayer perceptron four times as wide; a norm at the end."""
    attention = linear(width, 3 * width) + linear(width, width)
    return layers * (attention + linear(width, 4 * width) + linear(4 * width, width) + 2 * 2 * width) + 2 * width


@settings(max_examples=30)
@given(hidden=st.lists(WIDTHS, max_size=4), info=PICTURES)
def test_an_mlp_is_its_linear_layers(hidden: list[int], info: DataInfo) -> None:
    widths = [info.channels * info.size**2, *hidden, info.classes]

    assert counted(Mlp(hidden=tuple(hidden)), info).total == sum(linear(*pair) for pair in pairwise(widths))


@settings(max_examples=30)
@given(config=cnns(), info=PICTURES)
def test_a_cnn_is_its_kernels_its_norms_and_its_head(config: Cnn, info: DataInfo) -> None:
    seen, expected = info.channels, 0
    for channels, kernel, _, _ in config.layers:
        for _ in range(config.depth):
            expected += seen * kernel**2 * channels + channels + (2 * channels if config.norm != "none" else 0)
            seen = channels
    side = min(info.size, -(-info.size // -(-info.size // 8)))

    assert counted(config, info).total == expected + linear(seen * side**2, info.classes)


@settings(max_examples=30)
@given(sizes=attending(patch_size=st.sampled_from([1, 2, 4])), info=PICTURES)
def test_a_vision_transformer_is_its_patches_places_blocks_and_head(sizes: dict[str, Any], info: DataInfo) -> None:
    width, patch = sizes["hidden_size"], sizes["patch_size"]
    expected = linear(info.channels * patch**2, width) + (info.size // patch) ** 2 * width + blocks(sizes["num_layers"], width)

    assert counted(Transformer(**sizes), info).total == expected + linear(width, info.classes)


@settings(max_examples=30)
@given(sizes=attending(context=st.integers(2, 40), tied=st.booleans()), info=TEXTS)
def test_a_language_model_counts_a_tied_embedding_once(sizes: dict[str, Any], info: DataInfo) -> None:
    width, embedding = sizes["hidden_size"], info.classes * sizes["hidden_size"]
    found = counted(LanguageModel(**sizes), info)

    once = embedding + sizes["context"] * width + blocks(sizes["num_layers"], width)
    assert found.total == once + (0 if sizes["tied"] else embedding)
    assert {row.name: row.tied_to for row in found.parameters}["head.weight"] == ("embed.weight" if sizes["tied"] else "")


@settings(max_examples=30)
@given(width=WIDTHS, layers=st.integers(1, 6), info=PICTURES)
def test_a_shared_weight_is_counted_once_and_its_biases_each(width: int, layers: int, info: DataInfo) -> None:
    found = counted(Shared(hidden_size=width, num_layers=layers), info)

    inlet, head = linear(info.channels * info.size**2, width), linear(width, info.classes)
    assert found.total == inlet + width**2 + layers * width + head
    assert sum(row.tied_to == "shared1.weight" for row in found.parameters) == layers - 1


@settings(max_examples=4)
@given(classes=st.integers(2, 2_000), channels=st.integers(1, 4))
def test_a_torchvision_model_is_the_published_one_but_for_its_ends(classes: int, channels: int) -> None:
    found = counted(TorchvisionModel(name="resnet18"), DataInfo(channels, 32, classes))

    assert found.total == 11_689_512 + linear(512, classes) - linear(512, 1_000) + 64 * 7 * 7 * (channels - 3)


def two(width: int, classes: int) -> nn.Module:
    return nn.Sequential(nn.Conv1d(1, width, 2, bias=False), nn.LSTM(width, 3), nn.Linear(3, classes))


@settings(max_examples=20)
@given(width=WIDTHS, classes=st.integers(2, 9))
def test_a_custom_model_is_whatever_it_holds(width: int, classes: int) -> None:
    found = counted(CustomModel(target=f"{__name__}:two", arguments={"width": width}), DataInfo(1, 4, classes))

    assert found.total == 2 * width + (4 * 3 * (width + 3) + 2 * 4 * 3) + linear(3, classes)


def test_a_custom_model_is_counted_as_the_command_counts_it() -> None:
    config = parse_config(f'[model]\nkind = "custom"\ntarget = "{__name__}:two"\narguments = {{width = 4}}')

    assert describe_config(config).total == 2 * 4 + (4 * 3 * (4 + 3) + 2 * 4 * 3) + linear(3, 10)


def test_every_kind_of_model_is_counted_here() -> None:
    kinds = {kind for part in sections() if part.name == "model" for kind in part.kinds}

    assert kinds == {"mlp", "cnn", "transformer", "language_model", "shared", "torchvision", "custom"}
