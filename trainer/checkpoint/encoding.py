"""States of any plain Python types as what `torch.load(weights_only=True)` reads back, and from there as what they were.

What `weights_only` knows stays as it is; of the rest each value becomes a dict with its kind under `TAG`. Decoding calls no code of a
checkpoint's choosing: classes are looked up among the modules that are imported, and made without their constructors.
"""

from __future__ import annotations

import collections
import io
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gradtop.trainer.checkpoint.value_kinds import (
    DECODERS,
    ENCODERS,
    Inner,
    NotHeld,
    encoder_of_family,
    pairs_of,
    type_name,
)
from gradtop.trainer.models.tied import PLAIN_TENSORS, Place, is_plain_tensor, place_of
from gradtop.trainer.runtime.device import out_of_memory
from gradtop.trainer.runtime.errors import UserError

TAG = "gradtop type"
# Of these `weights_only` reads each as it was.
PLAIN = frozenset({type(None), bool, float, complex, str, bytes, bytearray, torch.Size, torch.dtype, torch.device})
KEYS = frozenset({type(None), bool, int, float, str, bytes})
_INTEGERS = {int}
_COME_BACK: set[tuple[type, torch.layout, bool]] = set()  # kinds of tensors other than plain ones, each read back once
LARGEST_INT = 1 << 1024  # pickle's LONG1 ends at 255 bytes, and weights_only knows no other


def encoded(value: Any, key: str = "", *, copy: bool = True) -> Any:
    """A copy of a state on the CPU, which later training steps do not change and `weights_only` reads; without `copy`, only a test
    of whether there can be one.

    Raises UserError with the key of what cannot be written so.
    """
    copies: dict[Place, tuple[Tensor, Tensor]] = {}  # with what was copied, so that nothing else takes its place meanwhile

    def of_tensor(tensor: Tensor) -> Tensor:
        if not is_plain_tensor(tensor):
            return _encode_odd(tensor, copy=copy)
        if not copy:
            return tensor
        # A weight with two names stays one, in memory and in the file.
        place = place_of(tensor)
        if place is None:
            return _as_it_trains(tensor.detach().to("cpu", copy=True), tensor)
        if place not in copies:
            copies[place] = tensor, tensor.detach().to("cpu", copy=True)
        return _as_it_trains(copies[place][1], tensor)

    try:
        return _encode(value, key, of_tensor)
    except RecursionError:
        raise UserError(f"{key or 'the state'} is nested too deeply for a checkpoint, or holds itself") from None


def _as_it_trains(copied: Tensor, tensor: Tensor) -> Tensor:
    """A parameter stays one, and so does what requires a gradient; the graph behind it is no part of a state."""
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(copied, requires_grad=tensor.requires_grad)
    return copied.detach().requires_grad_() if tensor.requires_grad and tensor.is_leaf else copied


def _encode_odd(tensor: Tensor, *, copy: bool) -> Tensor:
    """Raises NotHeld for one that has no values to copy, or that does not come back from a file."""
    try:
        copied = tensor.detach().to("cpu", copy=True)
        kind = type(tensor), tensor.layout, tensor.is_quantized
        if kind not in _COME_BACK:
            file = io.BytesIO()
            with warnings.catch_warnings(action="ignore"):  # that sparse tensors are slow to check
                torch.save(copied, file)
                file.seek(0)
                torch.load(file, weights_only=True)
            _COME_BACK.add(kind)
    except Exception as error:
        if out_of_memory(error):
            raise
        layout = "a nested tensor" if tensor.is_nested else f"a tensor of the layout {tensor.layout}"
        what = type_name(type(tensor)) if type(tensor) not in PLAIN_TENSORS else "a tensor on the device meta" if tensor.is_meta else layout
        raise NotHeld(f"a checkpoint cannot hold {what}; have the state consist of plain tensors, such as tensor.as_subclass(torch.Tensor)") from error
    return copied if copy else tensor


def _encode(value: Any, key: str, of_tensor: Callable[[Tensor], Tensor]) -> Any:
    def inner(value: Any, name: object = "") -> Any:
        return _encode(value, f"{key}.{name}" if key and name != "" else f"{key}{name}", of_tensor)

    kind = type(value)
    if isinstance(value, Tensor):
        try:
            return of_tensor(value)
        except NotHeld as error:
            raise UserError(f"{key}: {error}") from None
    if kind in PLAIN or (kind is int and -LARGEST_INT < value < LARGEST_INT):
        return value
    if kind is list or kind is tuple:
        kinds = set(map(type, value))
        if kinds <= PLAIN or (kinds == _INTEGERS and min(value) > -LARGEST_INT and max(value) < LARGEST_INT):
            return kind(value)  # one by one, the states of random numbers alone take 3 ms
        return kind(inner(item, at) for at, item in enumerate(value))
    if kind is dict or kind is collections.OrderedDict:
        return _encode_dict(value, inner)
    encoder = ENCODERS.get(kind) or encoder_of_family(value)
    if encoder is None:
        raise UserError(
            f"{key} is of the type {type_name(kind)}, which a checkpoint cannot hold, as reading it would run code; "
            "have the state consist of tensors, numbers, strings, containers, enums and dataclasses of these"
        )
    try:
        return {TAG: encoder[0], "value": encoder[1](value, inner)}
    except NotHeld as error:
        raise UserError(f"{key}: {error}") from None


def _encode_dict(value: dict[Any, Any], inner: Inner) -> Any:
    if TAG in value or not all(type(key) in KEYS for key in value):
        name = "OrderedDict" if isinstance(value, collections.OrderedDict) else "dict"
        return {TAG: name, "value": pairs_of(value, inner)}
    kind = type(value)
    made = kind((key, inner(item, key)) for key, item in value.items())
    if kind is not dict and (metadata := getattr(value, "_metadata", None)) is not None:
        # A module's versions of its state, by which later code converts an older state.
        made.__dict__["_metadata"] = inner(metadata, "_metadata")
    return made


def decoded(value: Any) -> Any:
    """What was encoded. Raises UserError where a class has gone that it needs."""
    kind = type(value)
    if kind is list or kind is tuple:
        return kind(decoded(item) for item in value)
    if kind is dict or kind is collections.OrderedDict:
        if TAG in value:
            decoder = DECODERS.get(value[TAG])
            if decoder is None:
                raise UserError(f"the checkpoint holds a value of the kind {value[TAG]!r}, which this version of gradtop does not know")
            return decoder(decoded(value["value"]))
        made = kind((key, decoded(item)) for key, item in value.items())
        if (metadata := getattr(value, "_metadata", None)) is not None:
            made.__dict__["_metadata"] = decoded(metadata)
        return made
    return value
