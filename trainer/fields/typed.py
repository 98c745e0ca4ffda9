"""Numbers that know how they were written, so that what is wrong with them can be told in the words of who wrote them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self


class Typed(float):
    """A number as text that stands for it: in a float much of it may be lost, `1e400` is inf and `1e-400` is 0."""

    text: str

    def __new__(cls, text: str, value: float | None = None) -> Self:
        made = super().__new__(cls, float(text) if value is None else value)
        made.text = text
        return made

    @property
    def lost(self) -> bool:
        """Whether the text is of another number than 0, and the float is 0."""
        return float(self) == 0 and any(digit in "123456789" for digit in self.text.lower().partition("e")[0])

    @property
    def checked(self) -> Typed:
        """As a field takes it: what is lost is no number."""
        return Typed(self.text, math.nan) if self.lost else self


class TypedInt(int):
    """A whole number as text that stands for it."""

    text: str

    def __new__(cls, text: str, value: int) -> Self:
        made = super().__new__(cls, value)
        made.text = text
        return made


def as_typed(value: Any, text: str) -> Any:
    """A number with its text, anything else as it is."""
    if type(value) is int:
        return TypedInt(text, value)
    return Typed(text, value) if type(value) is float else value


def untyped(value: Any) -> Any:
    """Plain numbers, at any depth of what TOML has."""
    match value:
        case Typed():
            return float(value)
        case TypedInt():
            return int(value)
        case list():
            return [untyped(each) for each in value]
        case dict():
            return {name: untyped(each) for name, each in value.items()}
        case _:
            return value


def as_fields(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table as its fields take it: arguments for code of others are plain."""
    return {name: _as_field(value) for name, value in table.items()}


def _as_field(value: Any) -> Any:
    if isinstance(value, list):
        return [each.checked if isinstance(each, Typed) else each for each in value]
    return value.checked if isinstance(value, Typed) else untyped(value) if isinstance(value, dict) else value
