"""What a checkpoint says of its pruning may be anything: it is refused with a sentence, and nothing is made larger than what the file has."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from gradtop.trainer.models.pruned import (
    MASKS,
    PRUNING,
    SHAPES,
    apply_shapes,
    changed_shapes,
    masks_in,
    module_shapes,
    shapes_in,
)
from gradtop.trainer.runtime.errors import UserError

WEIGHTS = {"0.weight": torch.zeros(3, 8), "0.bias": torch.zeros(3)}


def model_of(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 2))


@pytest.mark.parametrize(
    "shapes",
    [
        5,
        {"0": 5},
        {"0": {"tensors": {"weight": [3, 8]}}},
        {"0": {"tensors": {"weight": "x"}, "sizes": {}}},
        {"0": {"tensors": {"weight": [10**9, 10**9]}, "sizes": {}}},
        {"0": {"tensors": {"other": [10**9, 10**9]}, "sizes": {}}},
        {"0": {"tensors": {"other": [-1]}, "sizes": {}}},
        {"0": {"tensors": {}, "sizes": {"out_features": "3"}}},
        {7: {"tensors": {}, "sizes": {}}},
    ],
)
def test_what_are_no_shapes_of_its_tensors_is_refused(shapes: Any) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        shapes_in({"model": WEIGHTS, PRUNING: {SHAPES: shapes}})


def test_a_tensor_is_as_large_as_its_elements_in_the_file_whatever_its_strides_say() -> None:
    one = torch.zeros(1).expand(10**6, 10**6)
    with pytest.raises(UserError, match="cannot be read"):
        shapes_in({"model": {"0.weight": one}, PRUNING: {SHAPES: {"0": {"tensors": {"weight": [10**6, 10**6]}, "sizes": {}}}}})


@pytest.mark.parametrize("pruning", [5, {MASKS: 3}, {MASKS: {"0.weight": "x"}}, {MASKS: {"0.weight": torch.ones(3, 8)}}])
def test_what_are_no_masks_is_refused(pruning: Any) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        masks_in({PRUNING: pruning})


def test_the_shapes_of_a_smaller_model_give_another_one_its_shapes() -> None:
    small, large = model_of(3), model_of(5)
    shapes = changed_shapes(module_shapes(large), module_shapes(small))
    read = shapes_in({"model": small.state_dict(), PRUNING: {SHAPES: shapes, MASKS: {}}})
    apply_shapes(large, read)
    large.load_state_dict(small.state_dict())
    inputs = torch.randn(4, 8)
    assert torch.equal(large(inputs), small(inputs))
    assert (shapes_in({}), masks_in({})) == ({}, {})
