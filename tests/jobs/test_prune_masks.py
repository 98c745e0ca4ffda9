"""Which weights are pruned, against torch.nn.utils.prune used directly, and channels taken out, against the arithmetic of the model."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import prune

from gradtop.trainer.config import parse_config
from gradtop.trainer.config.problems import ConfigProblems
from gradtop.trainer.jobs.prune.config import METHODS, NoChoice, choice_of
from gradtop.trainer.jobs.prune.measure.masks import find_masks, output_layer, prunable
from gradtop.trainer.jobs.prune.measure.removal import remove_channels
from gradtop.trainer.models.pruned import apply_shapes, changed_shapes, module_shapes
from gradtop.trainer.runtime.errors import UserError

INPUTS = torch.randn(5, 2, 8, 8, generator=torch.Generator().manual_seed(1))


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(32, 5),
    ).eval()  # fmt: skip


def by_torch(method: str, amount: float) -> dict[str, Tensor]:
    """The masks as torch makes them."""
    model = network()
    layers = [model[0], model[3], model[7]]
    if method == "global_l1":
        prune.global_unstructured([(layer, "weight") for layer in layers], pruning_method=prune.L1Unstructured, amount=amount)
    torch.manual_seed(3)
    for layer in layers:
        if method == "layer_l1":
            prune.l1_unstructured(layer, "weight", amount)
        elif method == "random":
            prune.random_unstructured(layer, "weight", amount)
        elif method == "channel_l2" and layer is not model[7]:
            prune.ln_structured(layer, "weight", amount, n=2, dim=0)
    return {f"{name}.weight": buffer.bool() for name, layer in (("0", layers[0]), ("3", layers[1]), ("7", layers[2])) for _, buffer in layer.named_buffers() if "mask" in _}


@pytest.mark.parametrize("method", ["global_l1", "layer_l1", "random", "channel_l2"])
@pytest.mark.parametrize("amount", [0.3, 0.5, 0.99])
def test_the_masks_are_those_of_torch_and_what_they_do_not_keep_is_zero(method: str, amount: float) -> None:
    model, whole = network(), network().state_dict()
    masks = find_masks(model, prunable(model), method, amount, seed=3, before={}, output="7")
    expected = by_torch(method, amount)
    assert masks.keys() == expected.keys()
    for name, kept in expected.items():
        assert torch.equal(masks[name], kept)
        assert torch.equal(model.get_parameter(name), whole[name] * kept)
    assert not [name for name, _ in model.named_buffers() if "mask" in name]  # made permanent
    untouched = [name for name in whole if name not in masks]
    assert all(torch.equal(model.state_dict()[name], whole[name]) for name in untouched)


def test_thirty_percent_of_the_convolutions_alone_by_their_pattern() -> None:
    model = network()
    layers = prunable(model, ("[03]",))
    assert list(layers) == ["0", "3"]
    find_masks(model, layers, "global_l1", 0.3, seed=0, before={}, output="7")
    weights = torch.cat([model.get_parameter("0.weight").flatten(), model.get_parameter("3.weight").flatten()])
    assert int((weights == 0).sum()) == round(0.3 * (6 * 2 * 9 + 8 * 6 * 9))
    assert bool(model.get_parameter("7.weight").all())


def test_what_an_earlier_mask_has_pruned_stays_so() -> None:
    model = network()
    before = find_masks(model, prunable(model), "random", 0.5, seed=1, before={}, output="7")
    after = find_masks(model, prunable(model), "random", 0.2, seed=2, before=before, output="7")
    for name, kept in after.items():
        assert not bool((kept & ~before[name]).any())
        assert bool((~kept).sum() > (~before[name]).sum())


def test_the_output_layer_is_the_last_that_runs_and_a_weight_with_two_names_is_one() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 2)
            self.first = nn.Linear(4, 4)
            self.again = nn.Linear(4, 4)
            self.again.weight = self.first.weight

        def forward(self, inputs: Tensor) -> Tensor:
            return self.head(self.again(self.first(inputs)))  # type: ignore[no-any-return]

    model = Tied()
    assert output_layer(model, torch.zeros(1, 4)) == "head"
    assert list(prunable(model)) == ["head", "first"]


def test_a_weight_that_is_tied_is_pruned_under_the_name_of_its_first_place_and_stays_tied() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.head = nn.Embedding(6, 4), nn.Linear(4, 6)
            self.head.weight = self.embedding.weight

    model = Tied()
    masks = find_masks(model, prunable(model), "global_l1", 0.5, seed=0, before={}, output="head")
    assert list(masks) == ["embedding.weight"]
    assert model.head.weight is model.embedding.weight
    assert int((model.embedding.weight == 0).sum()) == 12


@pytest.mark.parametrize(
    ("model", "patterns", "method", "said"),
    [
        (nn.Sequential(nn.Flatten(), nn.Embedding(3, 4)), (), "global_l1", "no convolutions and no linear layers"),
        (network(), ("conv*",), "global_l1", "no convolution or linear layer matches 'conv\\*'; there are 0, 3, 7"),
        (network(), ("7",), "channel_l2", "7 is the output layer, whose channels are the classes"),
        (network(), ("7",), "channel_removal", "7 is the output layer, whose channels are the classes"),
    ],
)
def test_what_cannot_be_pruned_is_said(model: nn.Module, patterns: tuple[str, ...], method: str, said: str) -> None:
    def pruned() -> None:
        layers = prunable(model, patterns)
        if method == "channel_removal":
            remove_channels(model, copy.deepcopy(model), layers, 0.5, inputs=INPUTS, output="7", forward=lambda module, inputs: module(inputs))
        else:
            find_masks(model, layers, method, 0.5, seed=0, before={}, output="7")

    with pytest.raises(UserError, match=said):
        pruned()


def removed(model: nn.Module, amount: float, output: str) -> tuple[nn.Module, dict[str, dict[str, dict[str, object]]], float]:
    found = remove_channels(model, copy.deepcopy(model), prunable(model), amount, inputs=INPUTS, output=output, forward=lambda module, inputs: module(inputs))
    return model, found.shapes, found.difference


def test_without_channels_it_computes_what_the_whole_one_does_with_zeros_there() -> None:
    whole: Any = network()
    smaller, shapes, difference = removed(network(), 0.5, "7")
    assert difference < 1e-5
    assert {name: (module.in_channels, module.out_channels) for name, module in smaller.named_modules() if isinstance(module, nn.Conv2d)} == {"0": (2, 3), "3": (3, 4)}
    # By hand: the channels that are kept are those whose weights are found again.
    first = [index for index, row in enumerate(whole[0].weight) if any(torch.equal(row, other) for other in smaller.get_parameter("0.weight"))]
    second = [index for index, row in enumerate(whole[3].weight[:, first]) if any(torch.equal(row, other) for other in smaller.get_parameter("3.weight"))]
    assert (len(first), len(second)) == (3, 4)
    with torch.no_grad():
        one = whole[1](whole[0](INPUTS)).relu()
        one[:, [index for index in range(6) if index not in first]] = 0
        two = whole[3](one).relu()
        two[:, [index for index in range(8) if index not in second]] = 0
        expected = functional.linear(functional.max_pool2d(two, 4).flatten(1), whole[7].weight, whole[7].bias)
        torch.testing.assert_close(smaller(INPUTS), expected)
    # The same model is built from the shapes, without torch-pruning.
    built: Any = network()
    apply_shapes(built, shapes)
    built.load_state_dict(smaller.state_dict())
    torch.testing.assert_close(built(INPUTS), smaller(INPUTS))
    assert (built[0].out_channels, built[1].num_features, built[7].in_features) == (3, 3, 16)


class Residual(nn.Module):
    """Two branches that are added, one of a depthwise convolution, and a norm over channels."""

    def __init__(self, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.stem, self.deep, self.point = nn.Conv2d(2, 8, 3), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 8, 1)
        self.norm, self.head = norm(8), nn.Linear(8, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        found = self.stem(inputs).relu()
        found = self.norm(found + self.point(self.deep(found).relu())).relu()
        return self.head(found.mean((2, 3)))  # type: ignore[no-any-return]


def test_branches_and_depthwise_convolutions_stay_exact_and_a_norm_over_channels_is_told_by_its_difference() -> None:
    torch.manual_seed(0)
    smaller, _, difference = removed(Residual(nn.BatchNorm2d).eval(), 0.5, "head")
    assert difference < 1e-5
    assert (smaller.get_parameter("deep.weight").shape[0], smaller.get_parameter("point.weight").shape[:2]) == (4, (4, 4))
    torch.manual_seed(0)
    _, _, difference = removed(Residual(lambda width: nn.GroupNorm(1, width)).eval(), 0.5, "head")
    assert difference > 1e-3


def test_code_with_fixed_numbers_of_channels_is_refused_with_a_sentence() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(2, 8, 3), nn.Linear(8 * 36, 3)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.head(self.conv(inputs).view(-1, 8 * 36))  # type: ignore[no-any-return]

    with pytest.raises(UserError, match=r"channels cannot be removed from this model|gives outputs of the shape"):
        removed(Fixed().eval(), 0.5, "head")


def test_shapes_of_other_modules_and_unknown_attributes_are_not_applied() -> None:
    model: Any = network()
    shapes = changed_shapes(module_shapes(model), module_shapes(network()))
    assert shapes == {}
    with pytest.raises(ValueError, match="there is no module 9"):
        apply_shapes(model, {"9": {"tensors": {}, "sizes": {}}})
    apply_shapes(model, {"0": {"tensors": {}, "sizes": {"training": 0, "forward": 3, "out_channels": 6}}})
    assert (model[0].training, callable(model[0].forward), model[0].out_channels) == (False, True, 6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("prune.amounts=1.5", "prune.amounts"), ("prune.amounts=0,0.5", "prune.amounts"), ("prune.amounts=", "at least one share"), ("prune.methods=l3", "'l3' is not one of global_l1"),
        ("prune.methods=random,random", "random is named twice"), ("prune.methods=", "at least one of"), ("prune.write=2", "the amount is 2"), ("prune.write=l3:0.5", "'l3' is not one of"),
        ("prune.write=half", "'half' is no amount"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused_by_name(words: str, said: str) -> None:
    with pytest.raises(ConfigProblems) as refused:
        parse_config("", overrides=[words], job="prune")
    assert said in str(refused.value)


def test_a_choice_names_a_method_or_means_the_first() -> None:
    assert choice_of("0.5", ("random", "layer_l1")) == ("random", 0.5)
    assert choice_of(" channel_removal:0.25", ("random",)) == ("channel_removal", 0.25)
    for nonsense in ("", ":", "nan", "random:", "1", "0", "-0.5", "random:0.5:0.5"):
        with pytest.raises(NoChoice):
            choice_of(nonsense, METHODS)
