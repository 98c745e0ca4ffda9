"""A measured figure beside its limit and its reference, and how figures are taken and told."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TypeVar

Taken = TypeVar("Taken")


@dataclass(frozen=True)
class Figure:
    """`value` is the median of what was measured; `details` are further numbers, by what they are and their unit."""

    name: str
    value: float
    unit: str
    limit: float
    at_least: bool = False
    reference: str = ""
    ratio: float | None = None
    details: Mapping[str, float] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def to_json(self) -> dict[str, object]:
        return {**asdict(self), "reached": self.reached}


def say(sentence: str) -> None:
    """What a benchmark is about to do, and what it knows already."""
    print(sentence, file=sys.stderr, flush=True)


def in_turns(actions: Mapping[str, Callable[[], Taken]], times: int) -> dict[str, list[Taken]]:
    """Call the actions one after another, so many times, each round in the opposite order: what drifts hits all alike."""
    taken: dict[str, list[Taken]] = {name: [] for name in actions}
    for turn in range(times):
        names = list(actions)
        for name in names if turn % 2 == 0 else reversed(names):
            taken[name].append(actions[name]())
    return taken


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of what was measured in the same turn."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def standard_error(values: Sequence[float]) -> float:
    """How far their mean may be off."""
    return statistics.stdev(values) / math.sqrt(len(values))


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[round(share * (len(values) - 1))]


def told(value: float) -> str:
    """Three significant digits, without an exponent."""
    size = abs(value)
    return f"{value:,.0f}".replace(",", " ") if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 1 else f"{value:.3g}"


TITLES = ("figure", "measured", "limit", "", "against", "ratio", "besides")


def row(figure: Figure) -> tuple[str, ...]:
    """The cells of a figure, under TITLES."""
    sign = "≥" if figure.at_least else "≤"
    return (
        figure.name,
        f"{told(figure.value)} {figure.unit}".strip(),
        f"{sign} {figure.limit:g} {figure.unit}".strip(),
        "reached" if figure.reached else "NOT REACHED",
        figure.reference,
        "" if figure.ratio is None else f"{figure.ratio:.3g}",
        " · ".join(f"{words} {told(value)}" for words, value in figure.details.items()),
    )


def table(figures: Sequence[Figure]) -> str:
    """The figures as aligned columns."""
    rows = [TITLES, *map(row, figures)]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(TITLES))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in rows)
