"""What a line chart shows, and what is read off it: its range, its legend, the value at a place. No widget here."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gradtop.trainer.analysis import formatting


class Drawable(Protocol):
    """What a line is drawn from, binned: equally long; nan where a bin has no finite value."""

    @property
    def x(self) -> Sequence[float]: ...
    @property
    def low(self) -> Sequence[float]: ...
    @property
    def high(self) -> Sequence[float]: ...
    @property
    def mean(self) -> Sequence[float]: ...
    @property
    def nonfinite(self) -> Sequence[int]: ...


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: `style` a to d gives colour and pattern; `planned` draws it dotted and without a range.

    The legend shows `value`, or else the last mean; `text` stands in its place as it is.
    """

    label: str
    series: Drawable
    style: str = "a"
    planned: bool = False
    value: float | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """All that a chart shows. Marks are (x, words); notes are (words, value) added to the legend."""

    lines: tuple[Curve, ...] = ()
    log: bool = False
    band: tuple[float, float] | None = None
    band_word: str = "healthy"
    marks: tuple[tuple[float, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    x_min: float = 0.0
    x_max: float | None = None
    y_range: tuple[float, float] | None = None
    x_name: str = "step"
    x_log: bool = False
    empty: str = "nothing measured yet"


def data_range(chart: Chart) -> tuple[float, float] | None:
    """The lowest and highest finite value of all lines, only positive ones on a logarithmic axis; None where there is none."""
    low, high = math.inf, -math.inf
    for line in chart.lines:
        lows, highs = line.series.low, line.series.high
        if chart.log or not math.isfinite(sum(lows) + sum(highs)):
            least = 0.0 if chart.log else -math.inf
            lows = [v for v in (*lows, *highs) if least < v < math.inf]
            highs = lows
        if lows:
            low, high = min(low, *lows), max(high, *highs)
    return (low, high) if low <= high else None


def with_band(low: float, high: float, band: tuple[float, float], log: bool) -> tuple[float, float]:
    """The range widened to an edge of the band that is near: within half a decade, or a quarter of the range."""
    for edge in band:
        least, most = (low / 3.2, high * 3.2) if log else (low - (high - low) / 4, high + (high - low) / 4)
        if (least < edge < low or high < edge < most) and (edge > 0 or not log):
            low, high = min(low, edge), max(high, edge)
    return low, high


def legend(chart: Chart, at: float | None, per_cell: float) -> list[tuple[Curve | None, str, str]]:
    """Curve, name and value of each entry: the newest values, or those nearest to `at`."""
    entries: list[tuple[Curve | None, str, str]] = []
    if at is not None:
        entries.append((None, chart.x_name, formatting.number(round(at)) if per_cell > 0.05 and not chart.x_log else formatting.significant(at)))
    for line in chart.lines:
        if at is None:
            value = line.value if line.value is not None else last_finite(line.series.mean)
            words = line.text if line.text is not None else "" if value is None else formatting.significant(value)
        else:
            value = nearest(line.series, at)
            words = "" if value is None else formatting.significant(value)
        if words or line.label:
            entries.append((line, line.label, words))
    if at is None:
        entries += [(None, words, value) for words, value in chart.notes]
    return entries


def last_finite(values: Sequence[float]) -> float | None:
    return next((v for v in reversed(values) if math.isfinite(v)), None)


def nearest(series: Drawable, x: float) -> float | None:
    """The mean of the bin whose x is nearest, nan where it is not finite; None where the line has not begun or has ended."""
    count = len(series.x)
    if not count:
        return None
    i = bisect_left(series.x, x)
    i = min(count - 1, i) if i == 0 or (i < count and series.x[i] - x < x - series.x[i - 1]) else i - 1
    gap = (series.x[-1] - series.x[0]) / count if count > 1 else math.inf
    return series.mean[i] if series.x[0] - gap <= x <= series.x[-1] + gap else None
