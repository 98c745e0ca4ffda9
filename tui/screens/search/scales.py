"""Where the values of one parameter or objective lie along an axis: linear, logarithmic, or side by side where they are no numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gradtop.trainer.analysis.formatting import setting_text
from gradtop.tui.format import ellipsis
from gradtop.tui.widgets import axis
from gradtop.tui.widgets.axis import Axis

DECADES = 10.0  # from this ratio of the highest to the lowest value on the scale is logarithmic
LONGEST = 14  # characters of a category
MOST = 12  # categories that get a place of their own


@dataclass(frozen=True, slots=True)
class Scale:
    """Of numbers with `axis`, else of `categories`; what is no value of it lies nowhere."""

    axis: Axis | None = None
    categories: tuple[str, ...] = ()

    def at(self, value: object) -> float | None:
        """Between 0 at the low end and 1 at the high one."""
        if self.axis is not None:
            if not is_number(value):
                return None
            return min(1.0, max(0.0, self.axis.at(float(value))))  # type: ignore[arg-type]
        text = setting_text(value)
        if text not in self.categories:
            return None
        return 0.5 if len(self.categories) == 1 else self.categories.index(text) / (len(self.categories) - 1)

    def places(self, values: Sequence[object]) -> Sequence[float | None]:
        """`at` of many values that lie within the scale, of ten thousand within milliseconds."""
        axis = self.axis
        if axis is None:
            known = {value: self.at(value) for value in set(values)}
            return [known[value] for value in values]
        if not set(map(type, values)) <= {int, float}:
            return [self.at(value) for value in values]
        low, span, log10 = axis.low, axis.high - axis.low, math.log10
        if axis.log:
            return [(log10(value) - low) / span for value in values]  # type: ignore[arg-type]
        return [(value - low) / span for value in values]  # type: ignore[operator]

    def ticks(self) -> list[tuple[float, str]]:
        """Places and their labels, from low to high."""
        if self.axis is not None:
            return [(self.axis.at(value), label) for value, label in self.axis.ticks if -1e-9 <= self.axis.at(value) <= 1 + 1e-9]
        return [(self.at_category(number), ellipsis(text, LONGEST)) for number, text in enumerate(self.categories)]

    def at_category(self, number: int) -> float:
        return 0.5 if len(self.categories) == 1 else number / (len(self.categories) - 1)

    @property
    def is_log(self) -> bool:
        return self.axis is not None and self.axis.log


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True, slots=True)
class Extent:
    """The range of finite numbers, or else the categories that there are; neither where there is no value."""

    low: float = math.nan
    high: float = math.nan
    categories: tuple[str, ...] = ()

    def scale(self, most: int) -> Scale:
        """The scale with about `most` ticks."""
        if self.categories or self.low != self.low:
            return Scale(categories=self.categories)
        if self.low > 0 and self.high >= DECADES * self.low:
            return Scale(axis.logarithmic(self.low, self.high, most))
        return Scale(axis.linear(self.low, self.high, most))


def extent_of(values: Sequence[object]) -> Extent:
    """That of all these values; None and what is not finite counts for nothing."""
    numbers = [value for value in values if type(value) in {float, int}]
    if len(numbers) + values.count(None) == len(values):
        finite = [float(value) for value in numbers if value - value == 0]  # type: ignore[arg-type, operator]
        return Extent(min(finite), max(finite)) if finite else Extent()
    return Extent(categories=tuple(sorted({setting_text(value) for value in set(values) if value is not None})[:MOST]))
