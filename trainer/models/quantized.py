"""Weights that a checkpoint holds as integers with scales, and the rounding of activations that goes with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

QUANTIZATION = "quantization"  # in a checkpoint
METHOD_KEY, TENSORS, ACTIVATIONS = "method", "tensors", "activations"  # in its value
PER_ROW, PER_TENSOR = "int8 per row", "uint7 per tensor"  # how the inputs of a layer are rounded
NIBBLE, FOUR_BITS = 16, 4
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
    """The weight as float32. Raises ValueError, KeyError, TypeError or RuntimeError for a damaged description."""
    values: Tensor = fields["values"]
    scales: Tensor = fields["scales"]
    shape = torch.Size(fields["shape"])
    if fields["bits"] == FOUR_BITS:
        flat = torch.stack([values & (NIBBLE - 1), values >> FOUR_BITS], 1).flatten()[: shape.numel()]
        values = flat.to(torch.int8) - NIBBLE // 2
    rows, groups = scales.shape
    return (values.reshape(rows, groups, -1).float() * scales[..., None]).reshape(shape)


def quantization_in(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a checkpoint says of its quantization; {} of one that is not quantized."""
    return state.get(QUANTIZATION) or {}


def with_float_weights(tensors: Mapping[str, Any], quantization: Mapping[str, Any]) -> dict[str, Any]:
    """The state of a model with its quantized weights as float32. Raises as `unpacked`."""
    return {**tensors, **{name: unpacked(fields) for name, fields in (quantization.get(TENSORS) or {}).items()}}


def round_activations(model: nn.Module, activations: Mapping[str, str]) -> None:
    """Have layers round their inputs as the quantized layers do. Raises KeyError or AttributeError for layers or kinds that there are not."""
    for name, kind in activations.items():
        rounded = ROUNDING[kind]
        model.get_submodule(name).register_forward_pre_hook(lambda _, inputs, rounded=rounded: (rounded(inputs[0]), *inputs[1:]))


def round_per_row(inputs: Tensor) -> Tensor:
    """Symmetric int8, a scale for each vector: as torchao does before its integer product."""
    scales = (inputs.abs().amax(-1, keepdim=True) / 127.5).clamp_min(torch.finfo(torch.float32).eps)
    return (inputs / scales).round().clamp(-128, 127) * scales


def round_per_tensor(inputs: Tensor) -> Tensor:
    """Integers from 0 to 127 with one scale and zero point for the batch: as torch.ao does, which keeps a bit free for sums."""
    low, high = inputs.amin().clamp_max(0), inputs.amax().clamp_min(0)
    scale = ((high - low) / 127).clamp_min(torch.finfo(torch.float32).eps)
    zero = (-low / scale).round()
    return ((inputs / scale).round() + zero).clamp(0, 127).sub(zero) * scale


ROUNDING: Mapping[str, Callable[[Tensor], Tensor]] = {PER_ROW: round_per_row, PER_TENSOR: round_per_tensor}
