"""Weights that a checkpoint holds as integers with scales, and the rounding of activations that goes with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from gradtop.trainer.record.text import clean
from gradtop.trainer.runtime.errors import UserError

QUANTIZATION = "quantization"  # in a checkpoint
METHOD_KEY, TENSORS, ACTIVATIONS = "method", "tensors", "activations"  # in its value
PER_ROW, PER_TENSOR = "int8 per row", "uint7 per tensor"  # how the inputs of a layer are rounded
NIBBLE, FOUR_BITS, EIGHT_BITS = 16, 4, 8
MOST_DIMENSIONS = 8  # of a weight
LONGEST_NAME = 60  # of a method
DAMAGED = "the quantized weights in the checkpoint cannot be read: it is damaged, or was not written by gradtop; use another checkpoint, or write it again"
Fields = dict[str, Any]

# Integers, scales and a description in plain tensors: tensor subclasses of a library would need its classes allowed to
# `torch.load(weights_only=True)`, the library to read them, and this version of it.


def packed(values: Tensor, scales: Tensor, bits: int, shape: torch.Size | tuple[int, ...]) -> Fields:
    """Of symmetric integers (rows, columns) and scales (rows, groups of columns) what a checkpoint holds; two values of 4 bits are a byte, the first one low."""
    values = values.detach().cpu().to(torch.int8)
    if bits == FOUR_BITS:
        flat = (values.flatten() + NIBBLE // 2).to(torch.uint8)
        flat = torch.cat([flat, flat.new_zeros(flat.numel() % 2)])
        values = flat[::2] | (flat[1::2] << FOUR_BITS)
    return {"values": values.contiguous(), "scales": scales.detach().cpu().float().contiguous(), "bits": bits, "shape": list(shape)}


def unpacked(fields: Mapping[str, Any]) -> Tensor:
    """The weight as float32."""
    values: Tensor = fields["values"]
    scales: Tensor = fields["scales"]
    shape = torch.Size(fields["shape"])
    if fields["bits"] == FOUR_BITS:
        flat = torch.stack([values & (NIBBLE - 1), values >> FOUR_BITS], 1).flatten()[: shape.numel()]
        values = flat.to(torch.int8) - NIBBLE // 2
    rows, groups = scales.shape
    return (values.reshape(rows, groups, -1).float() * scales[..., None]).reshape(shape)


def quantization_in(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a checkpoint says of its quantization: method, tensors and activations; {} of one that is not quantized. Raises UserError for anything else."""
    found = state.get(QUANTIZATION) or {}
    if not found:
        return {}
    if not (isinstance(found, Mapping) and isinstance(method := found.get(METHOD_KEY), str) and (named := clean(method, LONGEST_NAME))):
        raise UserError(DAMAGED)
    tensors, activations = found.get(TENSORS), found.get(ACTIVATIONS)
    if not (isinstance(tensors, Mapping) and all(isinstance(name, str) and _is_packed(fields) for name, fields in tensors.items())):
        raise UserError(DAMAGED)
    if not (isinstance(activations, Mapping) and all(isinstance(name, str) and isinstance(kind, str) and kind in ROUNDING for name, kind in activations.items())):
        raise UserError(DAMAGED)
    return {METHOD_KEY: named, TENSORS: tensors, ACTIVATIONS: activations}


def _is_packed(found: object) -> bool:
    """Whether `unpacked` makes a weight of it, which has as many elements as the file has integers."""
    if not isinstance(found, Mapping):
        return False
    values, scales, bits, shape = (found.get(key) for key in ("values", "scales", "bits", "shape"))
    if not (isinstance(shape, list) and len(shape) <= MOST_DIMENSIONS and all(type(length) is int and length > 0 for length in shape) and type(bits) is int):
        return False
    count = prod(shape)
    dtype, held = {EIGHT_BITS: (torch.int8, count), FOUR_BITS: (torch.uint8, (count + 1) // 2)}.get(bits, (None, 0))
    if dtype is None or not (_is_dense(values, dtype) and values.numel() == held and _is_dense(scales, torch.float32)):
        return False
    return scales.dim() == 2 and scales.numel() > 0 and count % scales.numel() == 0


def _is_dense(value: object, dtype: torch.dtype) -> TypeGuard[Tensor]:
    """Whether it is a tensor whose elements are all in the file: by its strides one of a single element may have any shape."""
    return isinstance(value, Tensor) and value.dtype == dtype and value.layout == torch.strided and value.device.type == "cpu" and value.is_contiguous()


def with_float_weights(tensors: Mapping[str, Any], quantization: Mapping[str, Any]) -> dict[str, Any]:
    """The state of a model with its quantized weights as float32."""
    return {**tensors, **{name: unpacked(fields) for name, fields in (quantization.get(TENSORS) or {}).items()}}


def round_activations(model: nn.Module, activations: Mapping[str, str]) -> None:
    """Have linear layers round their inputs as the quantized layers do. Raises AttributeError for layers that there are not, ValueError for others."""
    for name, kind in activations.items():
        layer = model.get_submodule(name)
        if not isinstance(layer, nn.Linear):
            raise ValueError(f"{name} is no linear layer")  # noqa: TRY004 - of the checkpoint
        rounded = ROUNDING[kind]
        layer.register_forward_pre_hook(lambda _, inputs, rounded=rounded: (rounded(inputs[0]), *inputs[1:]))


def round_per_row(inputs: Tensor) -> Tensor:
    """Symmetric int8, a scale for each vector: as torchao does before its integer product."""
    scales = (inputs.abs().amax(-1, keepdim=True) / 127.5).clamp_min(torch.finfo(torch.float32).eps)
    return (inputs / scales).round().clamp(-128, 127) * scales


def round_per_tensor(inputs: Tensor) -> Tensor:
    """Integers from 0 to 127 with one scale and zero point for the batch: as torch.ao does, which keeps a bit free for sums."""
    low, high = inputs.min().clamp_max(0), inputs.max().clamp_min(0)  # amin() of all elements is not exported to ONNX
    scale = ((high - low) / 127).clamp_min(torch.finfo(torch.float32).eps)
    zero = (-low / scale).round()
    return ((inputs / scale).round() + zero).clamp(0, 127).sub(zero) * scale


ROUNDING: Mapping[str, Callable[[Tensor], Tensor]] = {PER_ROW: round_per_row, PER_TENSOR: round_per_tensor}
