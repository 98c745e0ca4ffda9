"""What a checkpoint says of a pruned model: which weights stay zero, and the shapes of modules whose channels were removed."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from gradtop.trainer.runtime.errors import UserError

PRUNING = "pruning"  # in a checkpoint
MASKS, SHAPES = "masks", "shapes"  # in its value
# What modules of torch keep of their shapes beside their tensors. Of a checkpoint, which may come from anywhere, nothing else is set.
SIZES = frozenset({"in_channels", "out_channels", "in_features", "out_features", "num_features", "num_channels", "num_groups", "groups", "embedding_dim", "embed_dim", "kdim", "vdim", "head_dim", "num_heads", "input_size", "hidden_size", "normalized_shape"})

MOST_UNSAVED = 1 << 24  # elements of a buffer that a checkpoint does not have
DAMAGED = "the checkpoint says what was pruned in a way that cannot be read: it is damaged, or was not written by gradtop; use another checkpoint"

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


def shapes_in(state: Mapping[str, Any]) -> ModuleShapes:
    """The shapes of which a checkpoint tells; {} where its model is as its configuration says. Raises UserError for what are no shapes of its tensors."""
    found = _pruning_in(state).get(SHAPES) or {}
    model = state.get("model")
    weights = model if isinstance(model, Mapping) else {}
    if not (isinstance(found, Mapping) and all(_are_shapes(name, shapes, weights) for name, shapes in found.items())):
        raise UserError(DAMAGED)
    return dict(found)


def masks_in(state: Mapping[str, Any]) -> Masks:
    """Raises UserError for what are no masks."""
    found = _pruning_in(state).get(MASKS) or {}
    if not (isinstance(found, Mapping) and all(isinstance(kept, Tensor) and kept.dtype == torch.bool for kept in found.values())):
        raise UserError(DAMAGED)
    return dict(found)


def _pruning_in(state: Mapping[str, Any]) -> Mapping[str, Any]:
    found = state.get(PRUNING) or {}
    if not isinstance(found, Mapping):
        raise UserError(DAMAGED)
    return found


def _are_shapes(name: object, found: object, weights: Mapping[str, Any]) -> bool:
    """Whether they are of a module; nothing is made larger than the tensor that the checkpoint has of that name."""
    if not (isinstance(name, str) and isinstance(found, Mapping) and isinstance(tensors := found.get("tensors"), Mapping) and isinstance(sizes := found.get("sizes"), Mapping)):
        return False
    if not all(_is_size(tuple(size) if isinstance(size, list) else size) for size in sizes.values()):
        return False
    for key, shape in tensors.items():
        weight = weights.get(f"{name}.{key}" if name else key)
        if not (isinstance(shape, list) and _is_size(tuple(shape)) and all(length >= 0 for length in shape)):
            return False
        if isinstance(weight, Tensor) and list(weight.shape) != shape:
            return False
        if prod(shape) > max(MOST_UNSAVED, _held(weight) if isinstance(weight, Tensor) else 0):
            return False
    return True


def _held(tensor: Tensor) -> int:
    """The elements that the file has of it: by its strides a tensor of a single one may have any shape."""
    return tensor.untyped_storage().nbytes() // tensor.element_size() if tensor.layout == torch.strided and tensor.device.type == "cpu" else 0


@torch.no_grad()
def zero_masked(model: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Set to zero what the masks do not keep."""
    parameters = dict(model.named_parameters())
    for name, kept in masks.items():
        parameters[name].masked_fill_(~kept.to(parameters[name].device), 0)
