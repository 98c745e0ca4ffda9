"""Which tensors are one: several names over the same memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

Place = tuple[object, ...]
PLAIN_TENSORS = frozenset({Tensor, nn.Parameter, nn.Buffer})


def is_plain_tensor(tensor: Tensor) -> bool:
    """Whether its values lie in memory as they are: neither a subclass nor sparse, nested, quantized or without memory."""
    strided = type(tensor) in PLAIN_TENSORS and tensor.layout == torch.strided
    return strided and not (tensor.is_meta or tensor.is_quantized or tensor.is_nested)


def place_of(tensor: Tensor) -> Place | None:
    """Two tensors are one where their places are equal, as long as both exist; None of a tensor without memory of its own to compare."""
    if not is_plain_tensor(tensor) or not tensor.numel():
        return None
    return tensor.device, tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype, tensor.is_conj(), tensor.is_neg()


def identity_of(tensor: Tensor) -> Place | int:
    """What two parameters have in common that are one, as objects or by their memory."""
    if tensor.is_meta and type(tensor) in PLAIN_TENSORS:
        # No memory yet, and a storage all the same.
        return tensor.untyped_storage()._cdata, tensor.storage_offset(), tuple(tensor.shape), tensor.stride()  # noqa: SLF001 - torch's own way to tell
    return place_of(tensor) or id(tensor)


def one_name_each(state: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The state with each tensor under its first name alone, and the further names, each with the first."""
    first: dict[Place, str] = {}
    kept: dict[str, Any] = {}
    others: dict[str, str] = {}
    for name, value in state.items():
        place = place_of(value) if isinstance(value, Tensor) else None
        if place is not None and (known := first.setdefault(place, name)) != name:
            others[name] = known
        else:
            kept[name] = value
    return kept, others
