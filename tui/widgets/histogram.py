"""A histogram on a terminal: plotext's picture, computed on new data or another size, never while hidden."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from gradtop.tui.widgets.axis import Axis, fitted, linear
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
AXIS = frozenset("│┤└┬─┼┘┐┌├┴")
MARK = "┊"


@dataclass(frozen=True, slots=True)
class Shape:
    """Equal `bins` from `low` to `high`; `mark` is a value to point at, or None. All finite."""

    low: float
    high: float
    bins: tuple[float, ...]
    mark: float | None = None


class HistogramPlot(Drawn):
    """Shows one `Shape`, or a sentence; the axes stay where they are while the data fits them."""

    DEFAULT_CSS = "HistogramPlot { width: 1fr; height: 1fr; }"
    PALETTE: ClassVar[tuple[Tone, ...]] = tuple(STYLES.values())

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._shape: Shape | None = None
        self._sentence = ""
        self._x: Axis | None = None
        self._y: Axis | None = None

    def show(self, shape: Shape | None, sentence: str = "", *, fresh: bool = False) -> None:
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
        # Imported with the first picture: a terminal that shows no histogram does not pay for it.
        from gradtop.tui.widgets.plots import bars

        shape = self._shape
        low, high, bins = widened(shape)
        high, bins = merged(low, high, bins, 2 * width)
        self._x = fitted(low, high, log=False, most=max(2, width // 14), old=self._x)
        self._y = fitted(0.0, max(bins), log=False, most=max(1, min(height // 4, round(max(bins)))), old=self._y)
        lines = bars(bins, (low, high), self._x, self._y, (width, height), unicode=draws_unicode(self))
        for row, line in zip(rows, lines, strict=False):
            paint(row, line)
        if lines and shape.mark is not None:
            self._mark(rows, shape.mark)
        return rows

    def _mark(self, rows: Sequence[Cells], value: float) -> None:
        """A dotted line at a value, where there is nothing else."""
        left = next((x for x, character in enumerate(rows[0].text) if character in AXIS), None)
        if left is None or self._x is None:
            return
        share, width = self._x.at(value), len(rows[0].text)
        x = left + 1 + round(share * (width - left - 2))
        for row in rows[:-2]:
            if 0 <= share <= 1 and row.text[x] == " ":
                row.put(x, MARK, TONE["mark"])


def widened(shape: Shape) -> tuple[float, float, Sequence[float]]:
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


def paint(row: Cells, line: str) -> None:
    """Put plotext's text into a row: bars, axes and labels each in their tone."""
    for x, character in enumerate(line[: len(row.text)]):
        if character != " ":
            row.text[x] = character
            row.tones[x] = TONE["bar" if character == "#" or "\u2580" <= character <= "\u259f" else "axis" if character in AXIS else "tick"]
