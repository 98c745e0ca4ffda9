"""What somebody looks at in the charts of a mode: which steps, over steps, epochs or time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import RunReader
from gradtop.trainer.record.streams.registry import STEPS

# `time` is that since the first recorded step, `clock` that of day: of use where runs are compared.
Quantity = Literal["step", "epoch", "time", "clock"]
QUANTITIES: tuple[Quantity, ...] = ("step", "epoch", "time")
OF_SEVERAL_RUNS: tuple[Quantity, ...] = (*QUANTITIES, "clock")
LEAST = 10.0  # steps that are seen at least
SAMPLES = 64  # of the clock, which runs evenly but for pauses


class Window(NamedTuple):
    """The steps that are seen; `follows` where it is to go on with a training, in leaps of a quarter of its width."""

    first: float
    last: float
    follows: bool = False

    @property
    def width(self) -> float:
        return self.last - self.first

    def zoomed(self, factor: float, whole: tuple[float, float], at: float | None = None, least: float = LEAST) -> Window | None:
        """So many times narrower around a step, else at its newest end, and not less than `least` wide; None where that is all there is."""
        low, high = whole
        width = max(min(least, high - low), self.width / factor)
        if width >= high - low:
            return None
        where = self.last if at is None else at
        share = 1.0 if at is None else (where - self.first) / self.width if self.width else 0.5
        return Window(0, width).moved_to(where - share * width, whole)

    def panned(self, share: float, whole: tuple[float, float]) -> Window:
        """Moved by a share of its width, no farther than there is something."""
        return self.moved_to(self.first + share * self.width, whole)

    def moved_to(self, first: float, whole: tuple[float, float]) -> Window:
        low, high = whole
        width = self.width
        first = max(low, min(first, high - width))
        return Window(first, first + width, follows=first + width >= high)

    def followed(self, step: float) -> Window:
        """The window that shows this step too, where it follows."""
        if not self.follows or step <= self.last:
            return self
        leap = self.width / 4
        first = self.first + leap * math.ceil((step - self.last) / leap)
        return Window(first, first + self.width, follows=True)


class ChartView(NamedTuple):
    """`window` None shows all steps; `picked` are further metrics by name."""

    window: Window | None = None
    quantity: Quantity = "step"
    picked: tuple[str, ...] = ()


WHOLE_RUN = ChartView()


class Clock(NamedTuple):
    """Seconds since the first recorded step, at some of the steps; `began` is the time of that one."""

    steps: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    began: float = 0.0


NO_CLOCK = Clock()


def clock_of(reader: RunReader, view: ChartView) -> Clock:
    """The clock where the view wants one."""
    if view.quantity not in {"time", "clock"}:
        return NO_CLOCK
    stream = reader.stream(STEPS)
    stream.refresh()
    numbers = sorted({round(number * (stream.count - 1) / SAMPLES) for number in range(SAMPLES + 1)}) if stream.count else []
    return rising([row[:2] for number in numbers for row in stream.rows(number, number + 1)])


def rising(rows: Sequence[tuple[float, ...]]) -> Clock:
    """The rows of step and time in which both go on, from the first one's time on."""
    steps: list[float] = []
    seconds: list[float] = []
    for step, time in rows:
        if not steps or (step > steps[-1] and time - rows[0][1] > seconds[-1]):
            steps.append(step)
            seconds.append(time - rows[0][1])
    return Clock(tuple(steps), tuple(seconds), rows[0][1]) if len(steps) > 1 else NO_CLOCK
