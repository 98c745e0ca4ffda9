"""What a checkpoint says of a pruned model: which weights stay zero, and the shapes of modules whose channels were removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

PRUNING = "pruning"  # in a checkpoint
MASKS, SHAPES = "masks", "shapes"  # in its value
# What modules of torch keep of their shapes beside their tensors. Of a checkpoint, which may come from anywhere, nothing else is set.
SIZES = frozenset({"in_channels", "out_channels", "in_features", "out_features", "num_features", "num_channels", "num_groups", "groups", "embedding_dim", "embed_dim", "normalized_shape"})

# By module: `tensors`, the shapes of its own, and `sizes`, its attributes.
ModuleShapes = dict[str, dict[str, dict[str, Any]]]
Masks = dict[str, Tensor]  # by parameter; True where it is kept


def module_shapes(model: nn.Module) -> ModuleShapes:
    found: ModuleShapes = {}
    for name, module in model.named_modules():
        tensors = {key: list(tensor.shape) for key, tensor in _own(module) if tensor is not None}
        sizes = {key: list(value) if isinstance(value, tuple) else value for key, value in vars(module).items() if key in SIZES and _is_size(value)}
        if tensors or sizes:
            found[name] = {"tensors": tensors, "sizes": sizes}
    return found


def changed_shapes(before: ModuleShapes, after: ModuleShapes) -> ModuleShapes:
    return {name: shapes for name, shapes in after.items() if before.get(name) != shapes}


def apply_shapes(model: nn.Module, shapes: Mapping[str, Any]) -> None:
    """Give modules the shapes that a checkpoint has, with zeros in them. Raises ValueError for modules that the model has not."""
    modules = dict(model.named_modules())
    replaced: dict[int, Tensor] = {}  # a tensor with two names stays one
    for name, found in shapes.items():
        module = modules.get(name)
        if module is None:
            raise ValueError(f"there is no module {name}")
        for key, tensor in _own(module):
            shape = found["tensors"].get(key)
            if tensor is None or shape is None or list(tensor.shape) == shape:
                continue
            if id(tensor) not in replaced:
                made = torch.zeros(shape, dtype=tensor.dtype, device=tensor.device)
                replaced[id(tensor)] = nn.Parameter(made, requires_grad=tensor.requires_grad) if isinstance(tensor, nn.Parameter) else made
            setattr(module, key, replaced[id(tensor)])
        for key, value in found["sizes"].items():
            if key in SIZES and hasattr(module, key):
                setattr(module, key, tuple(value) if isinstance(value, list) else value)


def _own(module: nn.Module) -> list[tuple[str, Tensor | None]]:
    return [*module._parameters.items(), *module._buffers.items()]  # noqa: SLF001 - with those that are None, and of this module alone


def _is_size(value: object) -> bool:
    return type(value) is int or (isinstance(value, tuple) and all(type(each) is int for each in value))


def shapes_in(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """The shapes of which a checkpoint tells; {} where its model is as its configuration says."""
    found = state.get(PRUNING) or {}
    return found.get(SHAPES) or {}


def masks_in(state: Mapping[str, Any]) -> Masks:
    found = state.get(PRUNING) or {}
    return dict(found.get(MASKS) or {})


@torch.no_grad()
def zero_masked(model: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Set to zero what the masks do not keep."""
    parameters = dict(model.named_parameters())
    for name, kept in masks.items():
        parameters[name].masked_fill_(~kept.to(parameters[name].device), 0)
