"""The legend of a chart: its entries, in one precision, and where it stands without hiding a line."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradtop.trainer.analysis import formatting
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.tui.widgets.braille import Canvas
from gradtop.tui.widgets.cells import Cells
from gradtop.tui.widgets.chart import Chart, Curve, last_finite
from gradtop.tui.widgets.chart_reading import Position, point_at
from gradtop.tui.widgets.chart_styles import BEST, GLYPHS, NARROW, PATTERNS, TONE

GAP = 3  # cells between entries that stand in one row
Spot = tuple[int, int, int]  # a row, the first cell taken there, the first one after it


class LegendEntry(NamedTuple):
    """A line (None for a note), its name and its value as text."""

    line: Curve | None
    words: str
    value: str


def alike(values: Sequence[float | None]) -> list[str]:
    """The values of one legend in one precision: three significant digits of the smallest, the same decimals for all; "" for None.

    Where they differ by more than four decades no one precision serves, and each has its own three digits.
    """
    sizes = [abs(value) for value in values if value is not None and math.isfinite(value) and value]
    least, most = min(sizes, default=1.0), max(sizes, default=1.0)
    if least < 0.01 or most >= formatting.LARGE or most > least * 1e4 or len(sizes) < 2:
        return ["" if value is None else formatting.significant(value) for value in values]
    decimals = max(0, 2 - math.floor(math.log10(least) + 1e-12))
    while decimals > 0 and all(round(size, decimals - 1) == size for size in sizes):
        decimals -= 1
    # What is under 1 never reads as 1.
    while decimals < formatting.NINES and any(size < 1 <= round(size, decimals) for size in sizes):
        decimals += 1
    values = [math.copysign(formatting.ALMOST, value) if value is not None and abs(value) < 1 <= round(abs(value), decimals) else value for value in values]
    return [
        "" if value is None else formatting.significant(value) if not math.isfinite(value) else f"{value:,.{decimals}f}".replace(",", formatting.THIN)
        for value in values
    ]


def entries(chart: Chart, at: float | None, position: Position) -> list[LegendEntry]:
    """What the legend says: the newest values, or those at the points nearest to `at`; a point farther than a cell is named by its step."""
    values: list[float | None] = []
    labels: list[str] = []
    lines = [line for line in chart.lines if not line.faint]
    for line in lines:
        label, value = line.label, line.value if line.value is not None else last_finite(line.series.mean)
        if at is not None:
            point = point_at(line.series, at)
            value = None if point is None else point.value
            if point is not None and not point.covers(at) and abs(position(point.x) - position(at)) > 1 and not line.planned:
                label = f"{label} at {chart.ruler.text(point.x)}".strip()
        values.append(value)
        labels.append(label)
    best = [line for line in lines if line.best is not None] if at is None else []
    figures = [value for _, value in chart.notes if not isinstance(value, str)]
    shown = alike([*values, *(line.best[1] for line in best if line.best is not None), *figures])
    found = []
    for line, label, words in zip(lines, labels, shown, strict=False):
        text = line.text if line.text is not None and at is None else words
        if text or label:
            found.append(LegendEntry(line, label, text))
    further = iter(shown[len(values) :])
    found += [LegendEntry(None, f"{BEST} {line.best_label}", next(further)) for line in best]
    return [*found, *(LegendEntry(None, words, value if isinstance(value, str) else next(further)) for words, value in chart.notes)]


class Legend:
    """Keeps to its corner as long as no line runs there, then takes another; without any it wants a row of its own."""

    def __init__(self, *, unicode: bool) -> None:
        self._unicode = unicode
        self.corner = 0

    def place(self, found: Sequence[LegendEntry], canvas: Canvas) -> tuple[int, int, int] | None:
        """The first row, the first cell and the width of a free corner that holds all entries; None where none is free."""
        width = self._width(found, canvas.width)
        if width + 2 > canvas.width or len(found) > canvas.height:
            return None
        right, low = canvas.width - width - 1, canvas.height - len(found)
        corners = ((0, right), (low, right), (0, 1), (low, 1))
        for number in (self.corner, *(each for each in range(4) if each != self.corner)):
            y, x = corners[number]
            if all(free(canvas, max(0, x - 1), y + row, width + 2) for row in range(len(found))):
                self.corner = number
                return y, x, width
        return None

    def _width(self, found: Sequence[LegendEntry], room: int) -> int:
        bare = room < NARROW
        words = 0 if bare else max((len(entry.words) for entry in found), default=0)
        value = max((len(entry.value) for entry in found), default=0)
        return value + (words + 2 if words and value else words) + (4 if self._sampled(found, room) else 0)

    def _sampled(self, found: Sequence[LegendEntry], room: int) -> bool:
        return room >= NARROW and sum(entry.line is not None for entry in found) > 1

    def write(self, found: Sequence[LegendEntry], rows: Sequence[Cells], left: int, room: int, spot: tuple[int, int, int]) -> list[Spot]:
        """Write the entries one below the other; returns what they take of the plot."""
        y, x, width = spot
        for row, entry in zip(rows[y:], found, strict=False):
            start = left + x
            row.put(start, " " * width, TONE["text"])
            if self._sampled(found, room):
                row.put(start, self.sample(entry.line), tone_of(entry))
                start += 4
            if room >= NARROW:
                row.put(start, entry.words, tone_of(entry))
            row.put(left + x + width - len(entry.value), entry.value, TONE["value"])
        return [(y + row, x - 1, x + width + 1) for row in range(len(found))]

    def rows(self, found: Sequence[LegendEntry], room: int) -> list[list[LegendEntry]]:
        """The entries beside each other, in as many rows of so many cells as they take; one that is wider than a row has none."""
        rows: list[list[LegendEntry]] = []
        left = 0
        for entry in found:
            width = self._cells(entry, found, room)
            if width <= left:
                rows[-1].append(entry)
                left -= width + GAP
            elif width <= room:
                rows.append([entry])
                left = room - width - GAP
        return rows

    def _cells(self, entry: LegendEntry, found: Sequence[LegendEntry], room: int) -> int:
        words = entry.words if room >= NARROW else ""
        return (4 if self._sampled(found, room) and entry.line is not None else 0) + len(words) + (1 if words else 0) + len(entry.value)

    def write_rows(self, found: Sequence[LegendEntry], rows: Sequence[Cells], left: int) -> None:
        """Write the entries into rows of their own, those that fit whole."""
        room = len(rows[0].text) - left
        sampled = self._sampled(found, room)
        for row, some in zip(rows, self.rows(found, room), strict=False):
            x = left
            for entry in some:
                if sampled and entry.line is not None:
                    x = row.put(x, self.sample(entry.line), tone_of(entry)) + 1
                if entry.words and room >= NARROW:
                    x = row.put(x, entry.words, tone_of(entry)) + 1
                x = row.put(x, entry.value, TONE["value"]) + GAP

    def sample(self, line: Curve | None) -> str:
        """Three cells of a line's pattern."""
        if line is None:
            return "   "
        kind = line.kind
        if not self._unicode:
            return GLYPHS[kind] * 3
        canvas = Canvas(3, 1, (2, 4))
        pattern = PATTERNS[kind]
        canvas.draw([2 * pattern[x % len(pattern)] for x in range(6)], 1, "")
        return "".join(chr(code) if code else " " for code in canvas.line(0)[0])


def tone_of(entry: LegendEntry) -> int:
    return TONE["tick"] if entry.line is None else TONE[entry.line.style]


def overlaps(spot: Spot, y: int, start: int, width: int) -> bool:
    row, first, end = spot
    return row == y and start < end and first < start + width


def free(canvas: Canvas, x: int, y: int, width: int) -> bool:
    """Whether no line runs through some cells of a row."""
    if x < 0 or x + width > canvas.width + 1:
        return False
    start = (canvas.height - 1 - y) * canvas.width
    return not any(canvas.bits[start + x : start + min(x + width, canvas.width)])
