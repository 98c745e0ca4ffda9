"""Where the values of one parameter or objective lie along an axis: linear, logarithmic, or side by side where they are no numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from gradtop.trainer.analysis.formatting import setting_text
from gradtop.tui.format import ellipsis
from gradtop.tui.widgets import axis
from gradtop.tui.widgets.axis import Axis

DECADES = 20.0  # from this ratio of the highest to the lowest value on the scale is logarithmic
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


def scale_of(values: Iterable[object], most: int) -> Scale:
    """The scale of all these values, with about `most` ticks; values that are not finite have no place on it."""
    found = [value for value in values if value is not None]
    numbers = [float(value) for value in found if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == len(found):
        finite = [value for value in numbers if math.isfinite(value)]
        if not finite:
            return Scale()
        low, high = min(finite), max(finite)
        if low > 0 and high >= DECADES * low:
            return Scale(axis.logarithmic(low, high, most))
        return Scale(axis.linear(low, high, most))
    return Scale(categories=tuple(sorted({setting_text(value) for value in found})[:MOST]))
