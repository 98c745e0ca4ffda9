"""Kinds of values that `weights_only` does not know: how each is written with values that it knows, and made of them again.

Classes are looked up among the modules that are imported, and made without their constructors.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import pathlib
import random
import sys
import types
import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any, TypeAlias

import torch

from gradtop.trainer.runtime.errors import UserError

BUILTIN = {type(...): ..., type(NotImplemented): NotImplemented}
PATHS = frozenset({pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath})

Inner: TypeAlias = Callable[..., Any]  # encodes a value that is held by another, given with its name
Encode: TypeAlias = Callable[[Any, Inner], Any]


class NotHeld(Exception):
    """A value that has no encoding; the message does not know its key."""


# Classes by name


def type_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _encode_name(kind: type) -> str:
    name = f"{kind.__module__}:{kind.__qualname__}"
    try:
        found = _find(name)
    except UserError:
        found = None
    if found is not kind:
        raise NotHeld(f"a checkpoint cannot hold a value of {type_name(kind)}, which cannot be found again by that name: define it at the top level of a module")
    return name


def _find(name: str) -> Any:
    """What a module that is imported has by that name; nothing is imported for it. Raises UserError."""
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise UserError(f"the checkpoint holds a value of {module}.{path}, which the model's code no longer has")
    return found


def _class(name: str, kind: type) -> Any:
    found = _find(name)
    if not isinstance(found, type) or not issubclass(found, kind):
        raise UserError(f"the checkpoint holds a value of {name.replace(':', '.')}, which is no longer a {kind.__name__}")
    return found


# Each kind


def pairs_of(value: Any, inner: Inner) -> list[Any]:
    return [[inner(key, "(key)"), inner(item, key)] for key, item in value.items()]


def _of_class(fields: Callable[[Any], Any]) -> Encode:
    return lambda value, inner: [_encode_name(type(value)), inner(fields(value))]


def _dataclass_fields(value: Any) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(value)]
    return {**{name: getattr(value, name) for name in names if hasattr(value, name)}, **getattr(value, "__dict__", {})}


def _make_dataclass(parts: list[Any]) -> Any:
    found: Any = _class(parts[0], object)
    if not dataclasses.is_dataclass(found):
        raise UserError(f"the checkpoint holds a value of {parts[0].replace(':', '.')}, which is no longer a dataclass")
    kind: Any = found
    made: Any = object.__new__(kind)
    for name, value in parts[1].items():
        object.__setattr__(made, name, value)
    return made


def _encode_enum(value: Any, inner: Inner) -> list[Any]:
    # A combination of flags has no name of its own.
    name = value.name if value.name in type(value).__members__ else None
    return [_encode_name(type(value)), name, None if name else inner(value.value)]


def _make_enum(parts: list[Any]) -> Any:
    found, name = _class(parts[0], enum.Enum), parts[1]
    if name is None:
        return found(parts[2])
    if name not in found.__members__:
        raise UserError(f"the checkpoint holds {parts[0].replace(':', '.')}.{name}, which is no longer a member")
    return found[name]


def _make_structseq(parts: list[Any]) -> Any:
    found = _class(parts[0], tuple)
    if not hasattr(found, "n_sequence_fields"):
        raise UserError(f"the checkpoint holds a value of {parts[0].replace(':', '.')}, which is another type now")
    return found(parts[1])


def _make_namedtuple(parts: list[Any]) -> Any:
    found = _class(parts[0], tuple)
    if len(getattr(found, "_fields", ())) != len(parts[1]):
        raise UserError(f"the checkpoint holds a value of {parts[0].replace(':', '.')}, which has other fields now")
    return tuple.__new__(found, parts[1])


def _make_defaultdict(parts: list[Any]) -> Any:
    # A class, as all that is decoded by name.
    return collections.defaultdict(parts[0] if isinstance(parts[0], type) else None, parts[1])


def _generator(parts: list[Any]) -> torch.Generator:
    made = torch.Generator(parts[0])
    made.set_state(parts[1])
    return made


def _random(state: tuple[Any, ...]) -> random.Random:
    made = random.Random()  # noqa: S311 - the state of the one that was saved
    made.setstate(state)
    return made


def _encode_zone(value: zoneinfo.ZoneInfo, _: Inner) -> str:
    try:
        return zoneinfo.ZoneInfo(value.key).key
    except (zoneinfo.ZoneInfoNotFoundError, TypeError, ValueError):
        raise NotHeld("a checkpoint cannot hold a time zone that zoneinfo.ZoneInfo does not find by its name") from None


def _time_parts(value: Any) -> list[Any]:
    return [value.hour, value.minute, value.second, value.microsecond, value.tzinfo]


def _date_parts(value: Any) -> list[Any]:
    return [value.year, value.month, value.day]


ValueKind: TypeAlias = tuple[type, Encode, Callable[[Any], Any]]

KINDS: tuple[ValueKind, ...] = (
    (int, lambda value, _: hex(value), lambda text: int(text, 16)),
    (set, lambda value, inner: [inner(item) for item in value], set),
    (frozenset, lambda value, inner: [inner(item) for item in value], frozenset),
    (collections.deque, lambda value, inner: [value.maxlen, inner(list(value))], lambda parts: collections.deque(parts[1], parts[0])),
    (collections.Counter, pairs_of, lambda pairs: collections.Counter(dict(pairs))),
    (
        collections.defaultdict,
        lambda value, inner: [inner(value.default_factory), pairs_of(value, inner)],
        _make_defaultdict,
    ),
    (types.MappingProxyType, pairs_of, lambda pairs: types.MappingProxyType(dict(pairs))),
    (types.SimpleNamespace, lambda value, inner: inner(vars(value)), lambda fields: types.SimpleNamespace(**fields)),
    (slice, lambda value, inner: inner([value.start, value.stop, value.step]), lambda parts: slice(*parts)),
    (range, lambda value, _: [value.start, value.stop, value.step], lambda parts: range(*parts)),
    (memoryview, lambda value, _: [value.tobytes(), value.format, list(value.shape)], lambda parts: memoryview(parts[0]).cast(*parts[1:])),
    (dt.date, lambda value, _: _date_parts(value), lambda parts: dt.date(*parts)),
    (dt.time, lambda value, inner: [inner(_time_parts(value)), value.fold], lambda parts: dt.time(*parts[0], fold=parts[1])),
    (
        dt.datetime,
        lambda value, inner: [_date_parts(value) + inner(_time_parts(value)), value.fold],
        lambda parts: dt.datetime(*parts[0], fold=parts[1]),  # noqa: DTZ001 - with the time zone that it had, or none
    ),
    (dt.timedelta, lambda value, _: [value.days, value.seconds, value.microseconds], lambda parts: dt.timedelta(*parts)),
    (
        dt.timezone,
        lambda value, inner: [inner(value.utcoffset(None)), value.tzname(None)],
        lambda parts: dt.timezone(*parts) if parts[0] else dt.UTC,
    ),
    (zoneinfo.ZoneInfo, _encode_zone, zoneinfo.ZoneInfo),
    (decimal.Decimal, lambda value, _: str(value), decimal.Decimal),
    (fractions.Fraction, lambda value, inner: inner([value.numerator, value.denominator]), lambda parts: fractions.Fraction(*parts)),
    (uuid.UUID, lambda value, _: value.hex, uuid.UUID),
    (random.Random, lambda value, inner: inner(value.getstate()), _random),
    (torch.Generator, lambda value, _: [str(value.device), value.get_state()], _generator),
)


def _encode_array(value: Any, inner: Inner) -> list[Any]:
    import numpy as np

    if value.dtype == object:
        return ["O", list(value.shape), [inner(item, at) for at, item in enumerate(value.ravel().tolist())]]
    kind = value.dtype.str
    if value.dtype.hasobject:
        raise NotHeld(f"a checkpoint cannot hold an array of the dtype {value.dtype}; keep it as an array of objects, or as a list")
    if np.dtype(kind) != value.dtype:
        kind = [list(field) for field in inner(value.dtype.descr)]
        if _dtype(kind) != value.dtype:
            raise NotHeld(f"a checkpoint cannot hold an array of the dtype {value.dtype}; keep it as a tensor")
    # As a tensor: it lies among the other storages, and not in the pickle.
    data = np.frombuffer(np.ascontiguousarray(value).tobytes(), dtype=np.uint8).copy()
    return [kind, list(value.shape), torch.from_numpy(data)]


def _make_array(parts: list[Any]) -> Any:
    import numpy as np

    kind, shape, data = parts
    if kind == "O":
        made = np.empty(len(data), dtype=object)
        for at, item in enumerate(data):
            made[at] = item
        return made.reshape(shape)
    return np.frombuffer(data.numpy().tobytes(), dtype=_dtype(kind)).reshape(shape).copy()


def _dtype(kind: str | list[list[Any]]) -> Any:
    import numpy as np

    return np.dtype(kind if isinstance(kind, str) else [tuple(field) for field in kind])


def _make_bit_generator(state: dict[str, Any]) -> Any:
    import numpy as np

    kind = getattr(np.random, str(state["bit_generator"]), None)
    if not isinstance(kind, type) or not issubclass(kind, np.random.BitGenerator):
        raise UserError(f"the checkpoint holds the state of a generator {state['bit_generator']!r}, which this version of NumPy does not have")
    made = kind()
    made.state = state
    return made


def _make_numpy_generator(state: dict[str, Any]) -> Any:
    import numpy as np

    return np.random.Generator(_make_bit_generator(state))


def _make_random_state(state: dict[str, Any]) -> Any:
    import numpy as np

    made = np.random.RandomState()
    made.set_state(state)
    return made


ENCODERS: dict[type, tuple[str, Encode]] = {
    **{kind: (kind.__name__, encode) for kind, encode, _ in KINDS},
    **{kind: ("path", lambda value, _: [type(value).__name__, str(value)]) for kind in PATHS},
    **{kind: ("constant", lambda value, _: str(value)) for kind in BUILTIN},
}

DECODERS: dict[str, Callable[[Any], Any]] = {
    **{kind.__name__: make for kind, _, make in KINDS},
    "dict": dict,
    "OrderedDict": collections.OrderedDict,
    "path": lambda parts: getattr(pathlib, parts[0])(parts[1]),
    "constant": lambda name: {str(value): value for value in BUILTIN.values()}[name],
    "class": lambda name: _class(name, object),
    "enum": _make_enum,
    "dataclass": _make_dataclass,
    "namedtuple": _make_namedtuple,
    "structseq": _make_structseq,
    "array": _make_array,
    "scalar": lambda parts: _make_array(parts)[()],
    "dtype": _dtype,
    "bit generator": _make_bit_generator,
    "numpy generator": _make_numpy_generator,
    "random state": _make_random_state,
}


def encoder_of_family(value: Any) -> tuple[str, Encode] | None:
    """For what is known by its base class."""
    kind = type(value)
    if isinstance(value, enum.Enum):
        return "enum", _encode_enum
    if isinstance(value, type):
        return "class", lambda value, _: _encode_name(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, dict | list | tuple | str | int | float):
        return "dataclass", _of_class(_dataclass_fields)
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return "namedtuple", _of_class(tuple)
    if isinstance(value, tuple) and hasattr(kind, "n_sequence_fields"):
        return "structseq", _of_class(tuple)
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if isinstance(value, numpy.generic):
        return "scalar", lambda value, inner: _encode_array(numpy.asarray(value), inner)
    if kind is numpy.ndarray:
        return "array", _encode_array
    if isinstance(value, numpy.dtype) and numpy.dtype(value.str) == value:
        return "dtype", lambda value, _: value.str
    if isinstance(value, numpy.random.Generator):
        return "numpy generator", lambda value, inner: inner(value.bit_generator.state)
    if isinstance(value, numpy.random.BitGenerator):
        return "bit generator", lambda value, inner: inner(value.state)
    if kind is numpy.random.RandomState:
        return "random state", lambda value, inner: inner(value.get_state(legacy=False))
    return None
