"""Which tensors of a state dict fit a model: by name, shape and kind of number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_SHOWN = 4


@dataclass(frozen=True)
class Match:
    """`fits` by the names of the model; names of tensors that do not: of another shape (with both), only in the model, only in the file.

    `tied` are in the file with values of their own, while the model has one tensor under that name and another, whose values
    are taken. `loaded` and `total` count a tensor with two names once; `parameters` counts the parameters among the loaded.
    """

    fits: Mapping[str, Any]
    loaded: int
    total: int
    parameters: int
    other: Sequence[str]
    missing: Sequence[str]
    unexpected: Sequence[str]
    tied: Sequence[str]

    @property
    def complete(self) -> bool:
        return not (self.other or self.missing or self.unexpected or self.tied)

    def load_into(self, model: nn.Module) -> None:
        model.load_state_dict(dict(self.fits), strict=False)


def match(model: nn.Module, saved: Mapping[str, Any]) -> Match:
    # Parameters as they are, so that one which is there under two names is known.
    own: dict[str, Any] = model.state_dict(keep_vars=True)
    first: dict[int, str] = {}
    fits: dict[str, Any] = {}
    other, tied = [], []
    for name, value in own.items():
        if not isinstance(value, Tensor):
            # The extra state of a module, which has no shape.
            if name in saved and not isinstance(saved[name], Tensor):
                fits[name] = saved[name]
            continue
        counted_as = first.setdefault(id(value), name)
        if name not in saved:
            continue
        found = saved[name]
        if not isinstance(found, Tensor) or found.shape != value.shape or strange(found, value):
            other.append(f"{name} ({_shape(found)} in the file, {_shape(value)} here)")
        elif counted_as in fits and not same(fits[counted_as], found):
            tied.append(f"{name}, which the model ties to {counted_as}")
        else:
            # Under the name that comes first: the tensor has one value, whichever name brought it.
            fits[counted_as] = found
    tensors = {id(value) for value in own.values() if isinstance(value, Tensor)}
    loaded = {id(own[name]) for name in fits if isinstance(own[name], Tensor)}
    missing = [name for place, name in first.items() if place not in loaded and name not in saved]
    parameters = {id(parameter) for parameter in model.parameters()}
    return Match(
        fits=fits,
        loaded=len(loaded),
        total=len(tensors),
        parameters=len(loaded & parameters),
        other=other,
        missing=missing,
        unexpected=[name for name, value in saved.items() if isinstance(value, Tensor) and name not in own],
        tied=tied,
    )


def strange(saved: Tensor, own: Tensor) -> str:
    """What a tensor is that cannot be copied as the numbers that it stands for; "" where it can."""
    if saved.dtype == own.dtype and saved.layout == own.layout and not saved.is_meta:
        return ""
    if saved.is_quantized or (own.is_floating_point() and not saved.is_floating_point() and not saved.is_complex()):
        return f"{str(saved.dtype).removeprefix('torch.')}, as of a quantized model"
    if saved.is_nested or saved.layout != torch.strided:
        return "a sparse or nested tensor"
    if saved.is_meta:
        return "a shape without values"
    return "complex numbers" if saved.is_complex() and not own.is_complex() else ""


def same(one: Tensor, other: Tensor) -> bool:
    return one.data_ptr() == other.data_ptr() or torch.equal(one, other.to(one.dtype))


def several(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")


def _shape(value: object) -> str:
    return ("×".join(map(str, value.shape)) or "scalar") if isinstance(value, Tensor) else type(value).__name__
