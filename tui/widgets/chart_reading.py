"""What the cursor of a chart stands on: real points, and what they are."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable

from gradtop.trainer.analysis.formatting import number
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.tui.widgets.chart import Chart, Curve, Drawable
from gradtop.tui.widgets.ruler import STEPS

Position = Callable[[float], float]  # of a step, in cells from the left end of the plot


class CurvePoint(NamedTuple):
    """A bin of a line: the mean of `records` records from step `first` to `last`; nan where none of them was finite."""

    value: float
    first: float
    last: float
    records: int

    @property
    def x(self) -> float:
        return (self.first + self.last) / 2

    def covers(self, x: float) -> bool:
        return self.first <= x <= self.last


def point_at(series: Drawable, x: float) -> CurvePoint | None:
    """The bin that is nearest; None where the line has not begun or has ended."""
    count = len(series.x)
    if not count:
        return None
    after = bisect_left(series.x, x)
    near = [index for index in (after - 1, after) if 0 <= index < count]
    index = min(near, key=lambda each: _distance(series, each, x))
    gap = (series.x_last[-1] - series.x[0]) / count if count > 1 else math.inf
    if _distance(series, index, x) > gap:
        return None
    return CurvePoint(series.mean[index], series.x[index], series.x_last[index], series.finite[index])


def _distance(series: Drawable, index: int, x: float) -> float:
    return max(series.x[index] - x, x - series.x_last[index], 0.0)


def recorded(chart: Chart) -> list[Curve]:
    """The lines that are recorded, not planned; all where there are no others."""
    return [line for line in chart.lines if not line.planned and len(line.series.x)] or [line for line in chart.lines if len(line.series.x)]


def places(chart: Chart) -> list[float]:
    """Where the cursor can stand: the middles of all bins that are seen, in rising order."""
    end = chart.end
    found = {(first + last) / 2 for line in recorded(chart) for first, last in zip(line.series.x, line.series.x_last, strict=True)}
    return sorted(x for x in found if chart.x_min <= x <= end)


def moved(chart: Chart, now: float | None, cells: int, position: Position) -> float | None:
    """Where the cursor goes by so many cells: to the point nearest to there, at least to the next one. It appears at the newest point."""
    there = places(chart)
    if not there:
        return None
    if now is None:
        return there[0 if cells < -1000 else -1]
    target = position(now) + cells
    beyond = [x for x in there if (x > now if cells > 0 else x < now)]
    return min(beyond, key=lambda x: abs(position(x) - target)) if beyond else there[-1 if cells > 0 else 0]


def named(chart: Chart, x: float) -> str:
    """What the cursor reads: `step 1 204`, or `steps 1 200–1 207, mean of 8`; with the quantity along the bottom where it is another."""
    ruler = chart.ruler
    if ruler.log or (ruler.is_plain and ruler.name != STEPS.name):  # what is drawn is not over steps
        return f"{ruler.name} {ruler.text(x)}"
    points = [point for line in recorded(chart) if (point := point_at(line.series, x)) is not None]
    point = next((each for each in points if each.covers(x)), None)
    if point is None or point.first == point.last:
        words = f"step {number(round(point.first if point is not None else x))}"
    else:
        words = f"steps {number(round(point.first))}–{number(round(point.last))}, mean of {number(max(1, point.records))}"
    return words if ruler.is_plain else f"{ruler.name} {ruler.text(x)} · {words}"


def events_at(chart: Chart, x: float, position: Position) -> list[str]:
    """The words of the marks and notches within a cell of the cursor."""
    return [words for at, words in (*chart.marks, *chart.notches) if words and abs(position(at) - position(x)) <= 1]
