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
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    specs = [_spec(**{name: tuple(value) if isinstance(value, list) else value for name, value in each.items()}) for each in stored["fields"]]
    return tuple(
        SectionSpec(part["name"], part["title"], tuple(part["kinds"]), part["default_kind"], {kind: tuple(specs[place] for place in places) for kind, places in part["fields"].items()})
        for part in stored["sections"]
    )


def _spec(**stored: Any) -> FieldSpec:
    return FieldSpec(**stored)


def dump_outline(sections: Sequence[SectionSpec]) -> str:
    """The text of `sections.json`; a field that several kinds share stands there once."""
    specs = list(dict.fromkeys(spec for part in sections for each in part.fields.values() for spec in each))
    places = {spec: place for place, spec in enumerate(specs)}
    parts = [{**asdict(part), "fields": {kind: [places[spec] for spec in each] for kind, each in part.fields.items()}} for part in sections]
    return json.dumps({"sections": parts, "fields": [asdict(spec) for spec in specs]}, ensure_ascii=False, indent=1) + "\n"


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
