"""Inputs of a model: a tensor, or tensors in tuples and dicts at any depth, as the samples of a data set have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

# A tensor, a tuple of ModelInputs or a dict of ModelInputs by name; samples lie along the first axis of each tensor. Most often it is one tensor,
# which whoever knows that may take it for: a union would have it asserted everywhere.
ModelInputs: TypeAlias = Any


def map_tensors(change: Callable[[Tensor], Any], inputs: ModelInputs) -> ModelInputs:
    """The same structure with each tensor changed."""
    if isinstance(inputs, Tensor):
        return change(inputs)
    if isinstance(inputs, dict):
        return {name: map_tensors(change, each) for name, each in inputs.items()}
    return tuple([map_tensors(change, each) for each in inputs])


def tensors_in(inputs: ModelInputs) -> list[Tensor]:
    """In the order in which they stand there."""
    if isinstance(inputs, Tensor):
        return [inputs]
    return [tensor for each in (inputs.values() if isinstance(inputs, dict) else inputs) for tensor in tensors_in(each)]


def first_tensor(inputs: ModelInputs) -> Tensor:
    return inputs if isinstance(inputs, Tensor) else tensors_in(inputs)[0]


def count_samples(inputs: ModelInputs) -> int:
    return len(first_tensor(inputs))


def take_rows(inputs: ModelInputs, rows: Any) -> ModelInputs:
    """Of each tensor what an index gives: a slice, a tensor of numbers; a number gives one sample."""
    return inputs[rows] if isinstance(inputs, Tensor) else map_tensors(lambda tensor: tensor[rows], inputs)


def on_device(inputs: ModelInputs, device: torch.device, *, non_blocking: bool = False) -> ModelInputs:
    return map_tensors(lambda tensor: tensor.to(device, non_blocking=non_blocking), inputs)


def stack_samples(samples: Sequence[ModelInputs]) -> ModelInputs:
    """Samples of one structure as a batch."""
    first = samples[0]
    if isinstance(first, Tensor):
        return torch.stack(list(samples))
    if isinstance(first, dict):
        return {name: stack_samples([each[name] for each in samples]) for name in first}
    return tuple([stack_samples([each[place] for each in samples]) for place in range(len(first))])


def split_rows(inputs: ModelInputs, split: Callable[[Tensor], Sequence[Tensor]]) -> Sequence[ModelInputs]:
    """Parts of the same structure, each with some of the samples, as `split` cuts a tensor."""
    if isinstance(inputs, Tensor):
        return split(inputs)
    keys = list(inputs) if isinstance(inputs, dict) else range(len(inputs))
    parts = [split_rows(inputs[key], split) for key in keys]
    return [dict(zip(keys, each, strict=True)) if isinstance(inputs, dict) else each for each in zip(*parts, strict=True)]


def layout_of(inputs: ModelInputs) -> Any:
    """What two samples must share to be stacked: structure, shapes and types."""
    if isinstance(inputs, Tensor):
        return tuple(inputs.shape), inputs.dtype
    if isinstance(inputs, dict):
        return tuple((name, layout_of(each)) for name, each in sorted(inputs.items()))
    return "tuple", *map(layout_of, inputs)


def structure_of(inputs: ModelInputs) -> Any:
    """As `layout_of`, without the lengths of the dimensions."""
    if isinstance(inputs, Tensor):
        return inputs.dim(), inputs.dtype
    if isinstance(inputs, dict):
        return tuple((name, structure_of(each)) for name, each in sorted(inputs.items()))
    return "tuple", *map(structure_of, inputs)


def inputs_text(inputs: ModelInputs, text: Callable[[Tensor], str]) -> str:
    """In words, each tensor by `text`: {image: float32 3×8×8, age: float32 number}."""
    if isinstance(inputs, Tensor):
        return text(inputs)
    if isinstance(inputs, dict):
        return "{" + ", ".join(f"{name}: {inputs_text(each, text)}" for name, each in inputs.items()) + "}"
    return "(" + ", ".join(inputs_text(each, text) for each in inputs) + ")"


def as_inputs(given: Any) -> ModelInputs:
    """What a data set gives, as tensors: arrays, numbers, lists of numbers. Raises TypeError, ValueError or RuntimeError where there is something else in it."""
    if isinstance(given, Tensor):
        return given
    if isinstance(given, Mapping):
        if not given or not all(isinstance(name, str) for name in given):
            raise TypeError(f"a dict with {'no' if not given else 'other'} keys")
        return {name: as_inputs(each) for name, each in given.items()}
    if isinstance(given, tuple | list) and any(isinstance(each, Tensor | Mapping | tuple | list) or (hasattr(each, "__array__") and getattr(each, "shape", ())) for each in given):
        try:
            return torch.as_tensor(given)  # a matrix in lists
        except (TypeError, ValueError, RuntimeError):
            return tuple([as_inputs(each) for each in given])
    return torch.as_tensor(given)


def all_tensors(given: Any) -> bool:
    """Whether it is made of tensors alone."""
    if isinstance(given, Mapping):
        return bool(given) and all(map(all_tensors, given.values()))
    return isinstance(given, Tensor) or (isinstance(given, tuple | list) and bool(given) and all(map(all_tensors, given)))


def is_tensor_like(given: Any) -> bool:
    """Whether it is one tensor, or can be one: an array, a number, a list of numbers."""
    if isinstance(given, Mapping | str | bytes) or given is None:
        return False
    try:
        torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError):
        return False
    return True
