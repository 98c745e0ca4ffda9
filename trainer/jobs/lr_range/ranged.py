"""The hyperparameters that a range test can raise, and what is suggested for each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from gradtop.trainer.jobs.lr_range.suggest import METHODS, falls_at_end, spaced, suggest
from gradtop.trainer.record.streams.registry import LR


@dataclass(frozen=True, slots=True)
class Ranged:
    """One of them: `key` in the section of the optimizer, `title` in a sentence, `short` before a figure. From `start` to `end` unless something else is set.

    Values are spaced evenly on a logarithmic scale of their `place`. `methods` are those that mean something for it: at a constant learning
    rate a loss falls because the model learns, so that only where it stops falling tells of weight decay and momentum.
    """

    key: str
    title: str
    short: str
    start: float
    end: float
    methods: Sequence[str]

    def place(self, value: float) -> float:
        """Where a value stands on the axis; of momentum 1/(1 - momentum), by which it lengthens the steps of SGD."""
        return 1 / (1 - value) if self.key == "momentum" else value

    def value(self, place: float) -> float:
        return max(0.0, 1 - 1 / place) if self.key == "momentum" else place

    def takes(self, value: object) -> TypeGuard[float]:
        """Whether it can have that value, which may come from anybody's file."""
        return isinstance(value, int | float) and (0 <= value < 1 if self.key == "momentum" else 0 < value < math.inf)

    @property
    def axis(self) -> str:
        """What the horizontal axis of a chart is called."""
        return "1/(1 − momentum)" if self.key == "momentum" else self.short

    @property
    def over(self) -> str:
        """What the loss of a chart is drawn over."""
        return f"{self.title}, as {self.axis}" if self.key == "momentum" else self.title

    def values(self, start: float, end: float, steps: int) -> list[float]:
        """From `start` to `end`, both included."""
        return [self.value(place) for place in spaced(self.place(start), self.place(end), steps)]

    def suggest(self, values: Sequence[float], losses: Sequence[float], steps: int) -> dict[str, float]:
        """Values by method, of the smoothed losses of one test."""
        found = suggest([self.place(value) for value in values], losses, steps, self.methods)
        return {each.method: self.value(each.x) for each in found}

    def falls_at_end(self, values: Sequence[float], losses: Sequence[float], steps: int) -> bool:
        """Whether the loss of one test may fall further beyond the last value."""
        return falls_at_end([self.place(value) for value in values], losses, steps)


RANGED: Mapping[str, Ranged] = {
    each.key: each
    for each in (
        Ranged(LR, "learning rate", "lr", 1e-7, 10.0, METHODS),
        Ranged("weight_decay", "weight decay", "weight decay", 1e-6, 10.0, ("limit", "minimum")),
        Ranged("momentum", "momentum", "momentum", 0.5, 0.999, ("limit", "minimum")),
    )
}


def median_suggestions(found: Sequence[Mapping[str, float]], ranged: Ranged) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Of the suggestions of several seeds the median by method, on the scale of the axis, and the lowest and the highest.

    A method that says nothing for half of the seeds or more says nothing.
    """
    medians, spread = {}, {}
    for method in ranged.methods:
        places = sorted(ranged.place(each[method]) for each in found if method in each)
        if 2 * len(places) > len(found):
            middle = len(places) // 2
            median = places[middle] if len(places) % 2 else math.sqrt(places[middle - 1] * places[middle])
            medians[method] = ranged.value(median)
            spread[method] = (ranged.value(places[0]), ranged.value(places[-1]))
    return medians, spread
