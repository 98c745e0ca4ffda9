"""The sections of a configuration without what validates them: `sections.json` holds what `trainer.config` declares.

Pydantic and the declarations take 0.13 s of a processor to import, which a form that nobody has typed into does not need.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from gradtop.trainer.fields.spec import FieldSpec, SectionSpec
from gradtop.trainer.fields.text import to_text

FILE = Path(__file__).with_name("sections.json")
# What run.toml has beside its sections.
_PLAIN = frozenset({"format", "job"})


@cache
def declared_sections() -> tuple[SectionSpec, ...]:
    """What `trainer.config.sections` gives."""
    return tuple(map(_section, json.loads(FILE.read_text(encoding="utf-8"))))


def _section(stored: Mapping[str, Any]) -> SectionSpec:
    specs = {name: _spec(**{key: tuple(value) if isinstance(value, list) else value for key, value in each.items()}) for name, each in stored["fields"].items()}
    kinds = {kind: tuple(specs[name] for name in names) for kind, names in stored["of"].items()}
    return SectionSpec(stored["name"], stored["title"], tuple(kind for kind in kinds if kind), stored["default_kind"], kinds)


def _spec(**stored: Any) -> FieldSpec:
    return FieldSpec(**stored)


def dump_outline(sections: Sequence[SectionSpec]) -> str:
    """The text of `sections.json`. A field stands there once for all kinds that share it, by its name: a new one changes no other line."""
    return json.dumps(list(map(_stored, sections)), ensure_ascii=False, indent=1) + "\n"


def _stored(part: SectionSpec) -> dict[str, Any]:
    specs: dict[str, FieldSpec] = {}
    of: dict[str, list[str]] = {}
    for kind, each in part.fields.items():
        # Of one that another kind declares otherwise, the kind tells it apart.
        names = [next((name for name in (spec.name, f"{spec.name} of {kind}") if specs.setdefault(name, spec) == spec), "") for spec in each]
        of[kind] = names
    return {"name": part.name, "title": part.title, "default_kind": part.default_kind, "of": of, "fields": {name: asdict(spec) for name, spec in specs.items()}}


def default_texts() -> dict[str, str]:
    """Each field as it is by default, in the default kind of its section."""
    return {spec.key: part.default_kind if spec.name == "kind" and part.kinds else to_text(spec.default) for part in declared_sections() for spec in part.of(part.default_kind)}


def texts_of(tables: Mapping[str, Any], job: str) -> dict[str, str] | None:
    """Each field of these tables as it stands in the form; None where one is missing or not known, which takes the declarations to put right."""
    if {*tables} - _PLAIN - {job} != {part.name for part in declared_sections()}:
        return None
    texts: dict[str, str] = {}
    for part in declared_sections():
        table = tables[part.name]
        if not isinstance(table, Mapping) or (part.kinds and table.get("kind") not in part.kinds):
            return None
        specs = part.of(table.get("kind", ""))
        if {spec.name for spec in specs} != {*table}:
            return None
        texts.update((spec.key, to_text(table[spec.name])) for spec in specs)
    return texts
