"""Keys within a table of keyword arguments: model.arguments.width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradtop.trainer.config.schema import sections
from gradtop.trainer.fields.spec import FieldSpec


def entry_table(key: str, kinds: Mapping[str, str]) -> FieldSpec | None:
    """The field of this kind that is a table, and `key` a place in it."""
    table, _, name = key.partition(".")
    field, dot, inner = name.partition(".")
    part = next((each for each in sections() if each.name == table), None) if dot and all(inner.split(".")) else None
    spec = part.find(kinds.get(table, ""), field) if part is not None else None
    return spec if spec is not None and spec.type == "table" else None


def field_key(key: str) -> str:
    """The key of the field: that itself, or the table which it is a place in."""
    return ".".join(key.split(".", 2)[:2])


def entry_path(key: str) -> Sequence[str]:
    """The names within the section: ("arguments", "width")."""
    return key.split(".")[1:]


def with_entry(table: Mapping[str, Any], path: Sequence[str], value: object) -> dict[str, Any]:
    """A copy with the value at this place; what stands in the way is replaced."""
    name, *inner = path
    below = table.get(name)
    return {**table, name: with_entry(below if isinstance(below, Mapping) else {}, inner, value) if inner else value}


def entry_at(table: object, path: Sequence[str]) -> object:
    """None where there is nothing."""
    for name in path:
        table = table.get(name) if isinstance(table, Mapping) else None
    return table
