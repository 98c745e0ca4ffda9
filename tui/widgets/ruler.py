"""What is written along the bottom of a chart: steps, epochs, time or the time of day. Curves, marks and cursors stay in steps."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence

from gradtop.trainer.analysis import formatting
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.tui.widgets.axis import Axis, along, along_decades, multiples

TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 432000, 864000, 2592000, 7776000, 31536000)  # seconds between ticks
MINUTE, DAY = 60, 86400
SHORTEST = 5  # cells of a time of day


class Ruler(NamedTuple):
    """A quantity over steps, given at some of them and straight between and beyond; without any it is the step itself.

    `whole` is whether it is counted: only whole numbers are read of it.
    """

    name: str = "step"
    steps: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    log: bool = False
    whole: bool = True

    @property
    def is_plain(self) -> bool:
        """Whether it is proportional to the step."""
        return len(self.steps) < 2

    def value(self, step: float) -> float:
        return step if self.is_plain else _between(self.steps, self.values, step)

    def step(self, value: float) -> float:
        """The step at which there is a value."""
        return value if self.is_plain else _between(self.values, self.steps, value)

    def axis(self, low: float, high: float, width: int) -> Axis:
        """The axis of so many cells from one step to another, in the ruler's quantity."""
        if self.log:
            return along_decades(low, high, width)
        low, high = self.value(low), self.value(high)
        if self.name == "clock":
            return _along_clock(low, high, width)
        return _along_time(low, high, width) if self.name == "time" else along(low, high, width)

    def text(self, step: float) -> str:
        """The quantity at a step, as it is read."""
        value = self.value(step)
        if self.log or not self.whole:
            return formatting.significant(value)
        if self.name == "time":
            return formatting.duration(max(0.0, value))
        if self.name == "clock":
            return formatting.date(value, "%d %b %H:%M:%S")
        return f"{value:.2f}" if self.name == "epoch" else formatting.number(round(value)) if abs(value) < formatting.LATEST else formatting.significant(value)


def _between(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    place = max(1, min(len(xs) - 1, bisect_left(xs, x)))
    width = xs[place] - xs[place - 1]
    return ys[place - 1] + (ys[place] - ys[place - 1]) * (x - xs[place - 1]) / width if width > 0 else ys[place]


def _along_time(low: float, high: float, width: int) -> Axis:
    """Seconds, with ticks at round ones that people read as a clock's."""
    if not high > low:
        return along(low, low + 1, width)
    for step in TIMES:
        ticks = tuple((value, formatting.duration(value)) for value in multiples(max(0.0, low), high, step))
        longest = max((len(label) for _value, label in ticks), default=0)
        if (longest + 3) * (high - low) <= width * step:
            return Axis(low, high, False, ticks)
    return Axis(low, high)


def _along_clock(low: float, high: float, width: int) -> Axis:
    """Times of day, the first of each day with its date."""
    if not high > low:
        return along(low, low + 1, width)
    east = time.localtime(low).tm_gmtoff if abs(low) <= formatting.LATEST else 0
    for step in TIMES:
        if (SHORTEST + 3) * (high - low) > width * step:
            continue
        ticks, day = [], ""
        for value in multiples(low + east, high + east, step):
            before, day = day, formatting.date(value - east, "%d %b")
            hour = formatting.date(value - east, "%H:%M:%S" if step < MINUTE else "%H:%M") if step < DAY else ""
            ticks.append((value - east, " ".join(filter(None, (day if day != before else "", hour)))))
        longest = max((len(label) for _value, label in ticks), default=0)
        if (longest + 3) * (high - low) <= width * step:
            return Axis(low, high, False, tuple(ticks))
    return Axis(low, high)


STEPS = Ruler()
