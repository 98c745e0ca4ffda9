"""Two runs side by side: what their configurations do not have in common, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.record import Run, RunReader, clean
from tui.format import duration, number, significant
from tui.parts.effective import effective
from tui.parts.runs import brief

LONGEST = 120


@dataclass(frozen=True, slots=True)
class Pair:
    """One line: what it is, and the value of each; `better` is 0 or 1 for the one that is better, else -1."""

    name: str
    one: str
    other: str
    better: int = -1


@dataclass(frozen=True, slots=True)
class Comparison:
    """`settings` are those that differ, of `same` more both have the same."""

    names: tuple[str, str] = ("", "")
    settings: tuple[Pair, ...] = ()
    results: tuple[Pair, ...] = ()
    same: int = 0


def compare(one: Run, other: Run) -> Comparison:
    """Read both and put them side by side."""
    readers = [RunReader(one), RunReader(other)]
    for reader in readers:
        reader.refresh()
    settings = [flat(effective(reader.config, reader.status.changes)) for reader in readers]
    keys = list(dict.fromkeys([*settings[0], *settings[1]]))
    differing = tuple(
        pair(clean(key, LONGEST), [value_text(each.get(key)) for each in settings]) for key in keys if settings[0].get(key) != settings[1].get(key)
    )
    names = (clean(readers[0].meta.name or one.id, 40), clean(readers[1].meta.name or other.id, 40))
    return Comparison(names, differing, results(readers[0], readers[1]), len(keys) - len(differing))


def flat(tables: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{section}.{name}": value for section, table in tables.items() if isinstance(table, Mapping) for name, value in table.items()}


def value_text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    return clean(", ".join(map(brief, value)) if isinstance(value, list) else brief(value), LONGEST)


def results(one: RunReader, other: RunReader) -> tuple[Pair, ...]:
    statuses = (one.status, other.status)
    found = [pair("state", [one.state, other.state])]
    for name, key, lower in (
        ("best val loss", "best_val_loss", True), ("last val loss", "val_loss", True), ("best accuracy", "best_val_accuracy", False)
    ):
        values = [getattr(status, key) for status in statuses]
        found.append(pair(name, ["–" if value is None else significant(value) for value in values], better(values, lower=lower)))
    return (
        *found,
        pair("epoch", [f"{status.epoch}/{status.epochs}" if status.epochs else "–" for status in statuses]),
        pair("step", [f"{number(status.step)}/{number(status.steps)}" if status.steps else "–" for status in statuses]),
        pair("trained", [duration(status.seconds) if status.seconds else "–" for status in statuses]),
        pair("samples/s", [number(round(status.samples_per_s)) if status.samples_per_s else "–" for status in statuses]),
        pair("parameters", [number(status.parameters) if status.parameters else "–" for status in statuses]),
    )


def pair(name: str, texts: Sequence[str], better: int = -1) -> Pair:
    return Pair(name, texts[0], texts[1], better)


def better(values: list[float | None], *, lower: bool) -> int:
    """Which of two finite values is the better one; -1 where that cannot be said."""
    one, other = values
    if one is None or other is None or one - one != 0 or other - other != 0 or one == other:
        return -1
    return int((other < one) == lower)
