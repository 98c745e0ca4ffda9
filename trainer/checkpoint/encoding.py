"""States of any plain Python types as what `torch.load(weights_only=True)` reads back, and from there as what they were.

What `weights_only` knows stays as it is; of the rest each value becomes a dict with its kind under `TAG`. Decoding calls no code of a
checkpoint's choosing: classes are looked up among the modules that are imported, and made without their constructors.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gradtop.trainer.checkpoint.value_kinds import (
    DECODERS,
    ENCODERS,
    Inner,
    NotHeld,
    encoder_of_family,
    pairs_of,
    type_name,
)
from gradtop.trainer.models.tied import Place, place_of
from gradtop.trainer.runtime.errors import UserError

TAG = "gradtop type"
# Of these `weights_only` reads each as it was.
PLAIN = frozenset({type(None), bool, float, complex, str, bytes, bytearray, torch.Size, torch.dtype, torch.device})
KEYS = frozenset({type(None), bool, int, float, str, bytes})
LARGEST_INT = 1 << 1024  # pickle's LONG1 ends at 255 bytes, and weights_only knows no other


def encoded(value: Any, key: str = "", *, copy: bool = True) -> Any:
    """A copy of a state on the CPU, which later training steps do not change and `weights_only` reads; without `copy`, only a test
    of whether there can be one.

    Raises UserError with the key of what cannot be written so.
    """
    copies: dict[Place, tuple[Tensor, Tensor]] = {}  # with what was copied, so that nothing else takes its place meanwhile

    def copied(tensor: Tensor) -> Tensor:
        # A weight with two names stays one, in memory and in the file.
        place = place_of(tensor)
        if place is None:
            return tensor.detach().to("cpu", copy=True)
        if place not in copies:
            copies[place] = tensor, tensor.detach().to("cpu", copy=True)
        return copies[place][1]

    try:
        return _encode(value, key, copied if copy else lambda tensor: tensor)
    except RecursionError:
        raise UserError(f"{key or 'the state'} is nested too deeply for a checkpoint, or holds itself") from None


def _encode(value: Any, key: str, of_tensor: Callable[[Tensor], Tensor]) -> Any:
    def inner(value: Any, name: object = "") -> Any:
        return _encode(value, f"{key}.{name}" if key and name != "" else f"{key}{name}", of_tensor)

    kind = type(value)
    if isinstance(value, Tensor):
        return of_tensor(value)
    if kind in PLAIN or (kind is int and -LARGEST_INT < value < LARGEST_INT):
        return value
    if kind is list or kind is tuple:
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
