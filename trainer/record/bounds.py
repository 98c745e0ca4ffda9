"""Limits of values that are read from a run: types, ranges, lengths, counts, nesting. A run may come from anywhere and hold anything.

A reader declares its fields as a table of these functions. Each returns the value within its bounds, or None if it is invalid.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import os
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from gradtop.trainer.record.errors import RecordError
from gradtop.trainer.record.files import LARGEST, read_seen

NOTE = 4 << 20  # bytes of status.json, meta.json and the like
CONFIG = 256 << 10  # bytes of run.toml: a parser in Python takes a second for a few of these
DOTS = 64  # in one line of it before the value: the parser's work is the square of a key's depth
TEXT = 64 << 10  # characters
NAME = 1000  # characters of a key, a parameter, a column
VALUES = 750_000  # of a JSON file: to parse and bound more of them takes a second
DEPTH = 24  # lists and tables in one another
ITEMS = 100_000  # of a list of texts or changes
DIMENSIONS = 64  # of a tensor in PyTorch
WHOLE = 2**53  # beyond, a float64 leaves out whole numbers
WIDEST = 2**64  # of whole numbers that nobody counts with, such as seeds
LATEST = 1e11  # seconds since 1970, or of anything else; the year 5138

Read = Callable[[Any], Any]
Made = TypeVar("Made")


class Unreadable(RecordError):
    """A file of a run cannot be read; the message has its name and the reason."""


class TooManyValues(ValueError):
    """JSON of more than `VALUES` values; the message says so."""


def text(value: object, limit: int = TEXT) -> str | None:
    """A string of at most `limit` characters; lone surrogates, which cannot be encoded, become question marks."""
    if not isinstance(value, str):
        return None
    if len(value) > limit:
        value = value[:limit]
    return value if value.isascii() or value.isprintable() else value.encode("utf-8", "replace").decode()


def name(value: object) -> str | None:
    return text(value, NAME)


def file_name(value: object) -> str | None:
    """The name of one file or folder, without a path separator or `..`."""
    found = text(value, NAME)
    return None if found is None or found in {".", ".."} or len(os.fsencode(found)) > 255 or "/" in found or "\0" in found else found


def texts(value: object) -> tuple[str, ...] | None:
    """A list of strings; a single string is a list of one, other values become text."""
    if isinstance(value, str):
        value = [value]
    return tuple([text(word if isinstance(word, str) else str(bounded([word])[0])) or "" for word in value[:ITEMS]]) if isinstance(value, list) else None


def flag(value: object) -> bool:
    return value is True


def measured(value: object) -> float | None:
    """A number; non-finite ones are strings in JSON."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or (isinstance(value, str) and len(value) > 40):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def positive(value: object) -> float | None:
    """A time, duration or rate: non-negative and bounded."""
    if type(value) is not float:
        value = measured(value)
    return value if isinstance(value, float) and 0.0 <= value <= LATEST else None


def count(value: object) -> int | None:
    if type(value) is not int:
        number = measured(value)
        value = int(number) if number is not None and 0 <= number <= WHOLE else None
    return value if isinstance(value, int) and 0 <= value <= WHOLE else None


def sizes_of(shape: object) -> tuple[int, ...]:
    """The shape of a parameter; that of a scalar where it is none, or has more values than can be counted."""
    if not isinstance(shape, list) or len(shape) > DIMENSIONS:
        return ()
    sizes = tuple(count(each) or 0 if type(each) is int else 0 for each in shape)
    return sizes if math.prod(sizes) <= WHOLE else ()


def table(value: object) -> dict[str, Any] | None:
    """Any values by name."""
    return (bounded(value) if value else value) if isinstance(value, dict) else None


def words(value: object) -> dict[str, str] | None:
    """Texts by name."""
    return {key: each if isinstance(each, str) else str(each)[:NAME] for key, each in bounded(value).items()} if isinstance(value, dict) else None


BY_TYPE: Mapping[str, Read] = {
    "str": text,
    "int": count,
    "float": positive,
    "float | None": measured,
    "bool": flag,
    "tuple[str, ...]": texts,
    "Mapping[str, object]": table,
    "Mapping[str, str]": words,
}


def reads_of(declaration: type[Any], **more: Read) -> Mapping[str, Read]:
    """A reader for each field of a dataclass or a named tuple, chosen by its type; `more` replaces some of them."""
    return {name: more.get(name) or BY_TYPE[str(getattr(kind, "__forward_arg__", kind))] for name, kind in declared(declaration)}


def declared(declaration: type[Any]) -> list[tuple[str, object]]:
    """Names and types of the fields of a dataclass or of a named tuple."""
    if issubclass(declaration, tuple):
        return list(declaration.__annotations__.items())
    return [(field.name, field.type) for field in dataclasses.fields(declaration)]


def fields(reads: Mapping[str, Read], found: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are present and valid."""
    return {key: value for key, read in reads.items() if (raw := found.get(key)) is not None and (value := read(raw)) is not None}


class Maker(Generic[Made]):
    """Builds named tuples, or instances of a dataclass with slots, from a JSON object, with a reader for each field.

    Missing or invalid fields take their defaults. In a list of ten thousand runs, `fields` and the class's own `__init__`
    would take half of the time.
    """

    def __init__(self, declaration: type[Made], reads: Mapping[str, Read]) -> None:
        self._declaration = declaration
        example = declaration()
        self._fields = []
        for name, _kind in declared(declaration):
            default = getattr(example, name)
            self._fields.append((name, reads[name], default, type(default)))
        self._puts = [] if isinstance(example, tuple) else [getattr(declaration, name).__set__ for name, _kind in declared(declaration)]

    def __call__(self, found: Mapping[str, Any]) -> Made:
        get, values = found.get, []
        for name, read, default, kind in self._fields:
            value = get(name)
            if value is not None and (value or type(value) is not kind):  # nothing of the right type is in its bounds
                value = read(value)
            values.append(default if value is None else value)
        if not self._puts:
            return tuple.__new__(self._declaration, values)  # type: ignore[type-var]  # it is one
        made = object.__new__(self._declaration)
        for put, value in zip(self._puts, values, strict=True):
            put(made, value)
        return made


def is_plain(key: str) -> bool:
    return len(key) <= NAME and key.isascii()


def bounded(value: Any) -> Any:
    """A parsed JSON or TOML value, bounded in place: long strings and keys are cut, large integers become floats, values that
    are nested too deeply are removed."""
    if not isinstance(value, dict | list):
        return bounded([value])[0]
    stack: list[tuple[Any, int]] = [(value, 1)]
    while stack:
        inside, depth = stack.pop()
        if isinstance(inside, dict):
            if not all(map(is_plain, inside)):
                renamed = {name(key) or "": each for key, each in inside.items()}
                inside.clear()
                inside.update(renamed)
            items: Any = inside.items()
        else:
            items = enumerate(inside)
        for key, each in items:
            kind = type(each)
            if kind is str:
                if len(each) > TEXT or not each.isascii():
                    inside[key] = text(each)
            elif kind is int:
                if not -WIDEST <= each <= WIDEST:
                    inside[key] = float(each) if each.bit_length() < 1000 else float("inf" if each > 0 else "-inf")
            elif kind is dict or kind is list:
                if depth < DEPTH:
                    stack.append((each, depth + 1))
                else:
                    inside[key] = None
    return value


def parse_json(data: bytes) -> Any:
    """Raises ValueError for what is no JSON, is nested too deeply to be parsed, or has too many values. Use `bounded` on what is not read field by field."""
    if len(data) > VALUES and sum(map(data.count, (b",", b"[", b"{"))) > VALUES:
        raise TooManyValues(f"it has more than {VALUES:,} values")
    try:
        return json.loads(data.decode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_note(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The object in a JSON file, for `fields`. Raises Unreadable."""
    return read_seen_note(path)[0]


def read_seen_note(path: str | os.PathLike[str]) -> tuple[dict[str, Any], os.stat_result]:
    """As `read_note`, and the stat of the file from before it was read. Raises Unreadable."""
    data, seen = read_seen_bytes(path, NOTE)
    try:
        found = parse_json(data)
    except TooManyValues as error:
        raise unreadable(path, str(error)) from None
    except ValueError:
        raise unreadable(path, "it is empty" if not data.strip(b"\0 \n") else "it is not JSON") from None
    if not isinstance(found, dict):
        raise unreadable(path, "it is not a JSON object")
    return found, seen


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The tables of a TOML file, bounded. Raises Unreadable."""
    import tomllib  # not needed where runs are only listed

    data = read_bytes(path, CONFIG)
    if any(line.partition(b"=")[0].count(b".") > DOTS for line in data.split(b"\n")):
        raise unreadable(path, f"a key is nested more than {DOTS} deep")
    try:
        found: dict[str, Any] = bounded(tomllib.loads(data.decode()))
    except RecursionError:
        raise unreadable(path, "it is nested too deeply") from None
    except ValueError as error:
        raise unreadable(path, f"it is not TOML ({text(str(error), 200)})") from None
    return found


def read_bytes(path: str | os.PathLike[str], limit: int = LARGEST) -> bytes:
    """The content of a regular file of at most `limit` bytes. Raises Unreadable."""
    return read_seen_bytes(path, limit)[0]


def read_seen_bytes(path: str | os.PathLike[str], limit: int) -> tuple[bytes, os.stat_result]:
    """As `read_bytes`, and the stat of the file from before it was read. Raises Unreadable."""
    try:
        return read_seen(path, limit=limit)
    except OSError as error:
        reasons = {errno.EFBIG: f"it is larger than {limit >> 10} KiB", errno.EINVAL: "it is not a regular file"}
        raise unreadable(path, "it is missing" if isinstance(error, FileNotFoundError) else reasons.get(error.errno or 0) or error.strerror or "error") from error


def unreadable(path: str | os.PathLike[str], why: str) -> Unreadable:
    return Unreadable(f"{os.path.basename(path)} cannot be read: {why}")
