"""What a line chart shows: its lines, its range, and whether it is drawn over decades. No widget here."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Protocol

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.tui.widgets.ruler import STEPS, Ruler

DECADES = 20.0  # from this ratio of the highest mean to the lowest one on, an axis that may choose is logarithmic
STAYS = 10.0  # and down to this ratio it stays so


class Drawable(Protocol):
    """What a line is drawn from, binned: equally long; nan where a bin has no finite value.

    A bin stands for the records from step `x` to `x_last`, of which so many were `finite`.
    """

    @property
    def x(self) -> Sequence[float]: ...
    @property
    def x_last(self) -> Sequence[float]: ...
    @property
    def low(self) -> Sequence[float]: ...
    @property
    def high(self) -> Sequence[float]: ...
    @property
    def mean(self) -> Sequence[float]: ...
    @property
    def finite(self) -> Sequence[int]: ...
    @property
    def nonfinite(self) -> Sequence[int]: ...


class Curve(NamedTuple):
    """One line: `style` a to h gives colour and pattern (`pattern`, if any, that of another style); `planned` draws it dotted and without a range.

    Later ones lie on top. The range of a `spread` one is a deviation, which may lie beyond all values. A `faint` one is drawn dim, without a range, and is not in the legend. The legend shows `value`, or else the last mean; `text` stands in its place as it is. `best` is a point (x, y) that is marked, and called `best_label` in the legend.
    """

    label: str
    series: Drawable
    style: str = "a"
    planned: bool = False
    value: float | None = None
    text: str | None = None
    best: tuple[float, float] | None = None
    best_label: str = "best"
    pattern: str = ""
    faint: bool = False
    spread: bool = False

    @property
    def kind(self) -> str:
        """What its pattern is found by."""
        return "planned" if self.planned else self.pattern or self.style


class Chart(NamedTuple):
    """All that a chart shows. Marks are (x, words) drawn as lines, notches as strokes on the axis; notes are (words, value) added to the legend.

    `log` None chooses by the data; `smooth` is the decay per record of the moving average that is drawn bright (0: none).
    """

    lines: tuple[Curve, ...] = ()
    log: bool | None = False
    band: tuple[float, float] | None = None
    band_word: str = "healthy"
    marks: tuple[tuple[float, str], ...] = ()
    notches: tuple[tuple[float, str], ...] = ()
    notes: tuple[tuple[str, str | float], ...] = ()
    x_min: float = 0.0
    x_max: float | None = None
    y_range: tuple[float, float] | None = None
    ruler: Ruler = STEPS
    smooth: float = 0.0
    empty: str = "nothing measured yet"

    @property
    def end(self) -> float:
        """The right end of the axis."""
        if self.x_max is not None:
            return self.x_max
        ends = [line.series.x[-1] for line in self.lines if len(line.series.x)]
        return max((x for x in ends if math.isfinite(x)), default=self.x_min + 1)


def data_range(chart: Chart, *, log: bool = False) -> tuple[float, float] | None:
    """The lowest and highest finite value that is seen of all lines, only positive ones on a logarithmic axis; None where there is none."""
    low, high = math.inf, -math.inf
    for line in chart.lines:
        lows, highs = _seen(line.series, chart)
        if log and line.spread:  # a mean less its deviation comes near zero, however far from it all values are
            lows = _means_seen(line.series, chart)
        if log or not math.isfinite(sum(lows) + sum(highs)):
            least = 0.0 if log else -math.inf
            lows = [v for v in (*lows, *highs) if least < v < math.inf]
            highs = lows
        if lows:
            low, high = min(low, *lows), max(high, *highs)
    return (low, high) if low <= high else None


def _seen(series: Drawable, chart: Chart) -> tuple[Sequence[float], Sequence[float]]:
    """The lowest and highest values of the bins between the ends of the axis."""
    if not len(series.x) or (series.x_last[0] >= chart.x_min and series.x[-1] <= chart.end):
        return series.low, series.high
    seen = _places_seen(series, chart)
    return series.low[seen], series.high[seen]


def _means_seen(series: Drawable, chart: Chart) -> Sequence[float]:
    return series.mean[_places_seen(series, chart)]


def _places_seen(series: Drawable, chart: Chart) -> slice:
    return slice(bisect_left(series.x_last, chart.x_min), bisect_right(series.x, chart.end))


def spans_decades(chart: Chart, *, before: bool) -> bool:
    """Whether the data wants a logarithmic axis: all of it is positive, and its means span decades (a little less where it had one `before`)."""
    least, most = math.inf, -math.inf
    for line in chart.lines:
        if len(line.series.x) and (means := [value for value in line.series.mean if value - value == 0]):
            if not min((value for value in (means if line.spread else line.series.low) if value - value == 0), default=0.0) > 0:
                return False
            least, most = min(least, *means), max(most, *means)
    return most >= least * (STAYS if before else DECADES)


def from_zero(series: Drawable) -> tuple[float, float] | None:
    """The range from zero to the highest finite value, for a line that has only begun; None where no value is positive."""
    high = max((value for value in series.high if math.isfinite(value)), default=0.0)
    return (0.0, high) if high > 0 else None


def with_band(low: float, high: float, band: tuple[float, float], *, log: bool) -> tuple[float, float]:
    """The range widened to an edge of the band that is near: within half a decade, or a quarter of the range."""
    for edge in band:
        least, most = (low / 3.2, high * 3.2) if log else (low - (high - low) / 4, high + (high - low) / 4)
        if (least < edge < low or high < edge < most) and (edge > 0 or not log):
            low, high = min(low, edge), max(high, edge)
    return low, high


def last_finite(values: Sequence[float]) -> float | None:
    return next((v for v in reversed(values) if math.isfinite(v)), None)


class Smoothed(NamedTuple):
    """A line without a range: the moving average of another."""

    x: Sequence[float]
    x_last: Sequence[float]
    mean: Sequence[float]
    finite: Sequence[int]
    nonfinite: Sequence[int]

    @property
    def low(self) -> Sequence[float]:
        return self.mean

    @property
    def high(self) -> Sequence[float]:
        return self.mean


def smoothed(series: Drawable, decay: float) -> Smoothed:
    """The exponential moving average over records, freed of its start at zero as Adam's moments are; it begins anew after a gap."""
    means: list[float] = []
    total = weight = 0.0
    for value, count in zip(series.mean, series.finite, strict=True):
        if value != value:
            total = weight = 0.0
            means.append(math.nan)
            continue
        kept = decay ** max(1, count)
        total, weight = total * kept + value * (1 - kept), weight * kept + (1 - kept)
        means.append(total / weight)
    return Smoothed(series.x, series.x_last, means, series.finite, series.nonfinite)
