"""A histogram on a terminal, computed on new data or another size, never while hidden."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.tui.widgets.axis import Axis, fitted, in_bars, linear
from gradtop.tui.widgets.cells import Cells
from gradtop.tui.widgets.drawn import Drawn
from gradtop.tui.widgets.glyphs import draws_unicode
from gradtop.tui.widgets.tones import Tone

STYLES = {
    "text": Tone("foreground"),
    "bar": Tone("line-a"),
    "axis": Tone("border"),
    "tick": Tone("muted"),
    "mark": Tone("line-b"),
    "empty": Tone("muted"),
}
TONE = {name: index for index, name in enumerate(STYLES)}
BARS = " ▁▂▃▄▅▆▇█"
LEAST = (12, 4)  # below, there is nothing but axes


class HistogramShape(NamedTuple):
    """Equal `bins` from `low` to `high`; `mark` is a value to point at, or None. All finite."""

    low: float
    high: float
    bins: tuple[float, ...]
    mark: float | None = None


class HistogramPlot(Drawn):
    """Shows one `HistogramShape`, or a sentence; the axes stay where they are while the data fits them."""

    DEFAULT_CSS = "HistogramPlot { width: 1fr; height: 1fr; }"
    PALETTE: ClassVar[tuple[Tone, ...]] = tuple(STYLES.values())

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._shape: HistogramShape | None = None
        self._sentence = ""
        self._x: Axis | None = None
        self._y: Axis | None = None
        self._tall = 0

    def show(self, shape: HistogramShape | None, sentence: str = "", *, fresh: bool = False) -> None:
        """Show this shape, or where there is none the sentence; `fresh` axes are not those of what was shown before."""
        if fresh:
            self._x = self._y = None
        if shape != self._shape or sentence != self._sentence or fresh:
            self._shape, self._sentence = shape, sentence
            self._draw()

    def _lay_out(self, width: int, height: int) -> list[Cells]:
        rows = [Cells(width) for _ in range(height)]
        if self._shape is None:
            rows[min(1, height - 1)].put(1, self._sentence, TONE["empty"])
            return rows
        if width < LEAST[0] or height < LEAST[1]:
            return rows
        shape, tall = self._shape, height - 2
        low, high, bins = widened(shape)
        high, bins = merged(low, high, bins, width)
        self._x = fitted(low, high, log=False, most=max(2, width // 14), old=self._x)
        self._y = in_bars(max(*bins, 1e-9), tall, self._y if tall == self._tall else None)
        self._tall = tall
        left = self._y.label_width + 1
        heights = heights_of(bins, low, high, self._x, width - left)
        unicode = draws_unicode(self)
        draw_axes(rows, self._x, self._y, unicode=unicode)
        draw_bars(rows[:tall], left, [self._y.at(value) for value in heights], unicode=unicode)
        share = self._x.at(shape.mark) if shape.mark is not None else -1.0
        if 0 <= share <= 1:
            x = left + column_of(share, width - left)
            for row in rows[:tall]:
                if row.text[x] == " ":
                    row.put(x, "┊" if unicode else ":", TONE["mark"])
        return rows


def heights_of(bins: Sequence[float], low: float, high: float, axis: Axis, columns: int) -> list[float]:
    """What each column of the plot shows: the highest of the bins whose middle it holds, or else of the bin that it lies in."""
    found = [0.0] * columns
    step = (high - low) / len(bins)
    for column in range(columns):
        number = math.floor((axis.low + (column + 0.5) / columns * (axis.high - axis.low) - low) / step)
        if 0 <= number < len(bins):
            found[column] = bins[number]
    for number, value in enumerate(bins):
        column = column_of(axis.at(low + (number + 0.5) * step), columns)
        found[column] = max(found[column], value)
    return found


def column_of(share: float, columns: int) -> int:
    return max(0, min(columns - 1, math.floor(share * columns)))


def draw_bars(rows: Sequence[Cells], left: int, shares: Sequence[float], *, unicode: bool) -> None:
    """Bars in eighths of a cell; one of nothing has no ink, the smallest other one has some."""
    steps = 8 if unicode else 1
    for x, share in enumerate(shares, left):
        level = max(1, min(steps * len(rows), round(share * steps * len(rows)))) if share > 0 else 0
        for row in reversed(rows):
            if level <= 0:
                break
            row.put(x, BARS[min(8, level)] if unicode else "#", TONE["bar"])
            level -= steps


def draw_axes(rows: Sequence[Cells], x_axis: Axis, y_axis: Axis, *, unicode: bool) -> None:
    """Counts at the left, and under the plot, in the last two rows, the values."""
    left, width, tall = y_axis.label_width, len(rows[0].text), len(rows) - 2
    for row in rows[:tall]:
        row.put(left, "│" if unicode else "|", TONE["axis"])
    rows[tall].put(left, ("└" if unicode else "+") + ("─" if unicode else "-") * (width - left - 1), TONE["axis"])
    for value, label in y_axis.ticks:
        # A count stands in the row whose top is the top of its bar, zero so in that of the axis.
        y = tall - round(y_axis.at(value) * tall)
        rows[y].put(left - len(label), label, TONE["tick"])
        if y < tall:
            rows[y].put(left, "┤" if unicode else "+", TONE["axis"])
    free = 0
    for value, label in x_axis.ticks:
        x = left + 1 + column_of(x_axis.at(value), width - left - 1)
        rows[tall].put(x, "┬" if unicode else "+", TONE["axis"])
        start = max(0, min(width - len(label), x - len(label) // 2))
        if start >= free:
            rows[tall + 1].put(start, label, TONE["tick"])
            free = start + len(label) + 1


def widened(shape: HistogramShape) -> tuple[float, float, Sequence[float]]:
    """A range of no width becomes one bar with room on both sides, so that it is seen where it is."""
    size = max(abs(shape.low), abs(shape.high))
    if shape.high - shape.low > size * 1e-9:
        return shape.low, shape.high, shape.bins
    scale = linear(shape.low, shape.high, 4)
    bins = [0.0] * 41
    bins[min(40, math.floor(scale.at((shape.low + shape.high) / 2) * 41))] = sum(shape.bins)
    return scale.low, scale.high, bins


def merged(low: float, high: float, bins: Sequence[float], most: int) -> tuple[float, Sequence[float]]:
    """At most so many bins and where they end: where there are more, neighbours are added up."""
    together = -(-len(bins) // most)
    if together <= 1:
        return high, bins
    found = [sum(bins[start : start + together]) for start in range(0, len(bins), together)]
    return low + (high - low) / len(bins) * together * len(found), found
