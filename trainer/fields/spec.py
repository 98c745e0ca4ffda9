"""What is declared of a field and of a section, and the ways in which a change can take effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Effect = Literal["live", "fork", "restart"]
EFFECTS: tuple[Effect, ...] = ("live", "fork", "restart")
# A kind is changed by a fork, but for these, which need nothing that is not there in any training.
LIVE_KINDS: dict[str, tuple[str, ...]] = {"schedule.kind": ("constant",), "freeze.kind": ("none", "pattern")}

Type = Literal["float", "int", "bool", "choice", "text", "ints", "floats", "texts", "table"]


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of one kind. `bounds` is for people ("> 0"), `expected` a noun phrase ("a number > 0")."""

    key: str
    section: str
    name: str
    type: Type
    default: Any = field(hash=False)
    choices: tuple[str, ...]
    bounds: str
    unit: str
    help: str
    effect: Effect
    expected: str
    per_layer: bool = False
    seldom: bool = False


@dataclass(frozen=True, slots=True)
class SectionSpec:
    """A table of the config. `kinds` is empty where there is but one; `fields` maps each kind (or "") to its fields, `kind` first."""

    name: str
    title: str
    kinds: tuple[str, ...]
    default_kind: str
    fields: Mapping[str, tuple[FieldSpec, ...]] = field(hash=False)

    def of(self, kind: object) -> tuple[FieldSpec, ...]:
        """The fields of a kind; those of the default kind where there is no such kind, as in a file that may hold anything."""
        return self.fields[kind if isinstance(kind, str) and kind in self.fields else self.default_kind]

    def find(self, kind: str, name: str) -> FieldSpec | None:
        return next((spec for spec in self.of(kind) if spec.name == name), None)

    def kinds_with(self, name: str) -> tuple[str, ...]:
        """The kinds that have a field of this name."""
        return tuple(kind for kind, specs in self.fields.items() if any(spec.name == name for spec in specs))
