"""What differs between two configurations, and how the difference can take effect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gradtop.trainer.config.config import Config
from gradtop.trainer.config.load import to_tables
from gradtop.trainer.config.schema import section, sections_of
from gradtop.trainer.fields.spec import EFFECTS, Effect


@dataclass(frozen=True, slots=True)
class Change:
    """One key; `old` is None where the old kind had no such field."""

    key: str
    old: Any
    new: Any
    effect: Effect


def diff_config(old: Config, new: Config) -> list[Change]:
    """In the order of the file. Of a new kind's own fields, those that are not at their default; of another job's section, none."""
    before, after = to_tables(old), to_tables(new)
    changes = []
    for part in sections_of(new.job):
        if part.name not in before:
            continue
        was, table = before[part.name], after[part.name]
        for spec in part.of(table.get("kind", "")):
            value = table[spec.name]
            if spec.name in was:
                if was[spec.name] != value:
                    changes.append(Change(spec.key, was[spec.name], value, spec.effect))
            elif getattr(new.part(part.name), spec.name) != spec.default:
                changes.append(Change(spec.key, None, value, section(part.name).of(table["kind"])[0].effect))
    return changes


def strongest(changes: Iterable[Change]) -> str:
    """The way that makes all the changes: restart over fork over live; "" where there is none."""
    return max((change.effect for change in changes), key=EFFECTS.index, default="")
