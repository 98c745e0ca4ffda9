"""What stands around and behind the lines of a chart: axes, band, marks. It changes seldom."""

from __future__ import annotations

from collections.abc import Sequence

from gradtop.trainer.analysis import formatting
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.tui import format
from gradtop.tui.ascii import to_ascii
from gradtop.tui.widgets.axis import Axis
from gradtop.tui.widgets.braille import Canvas
from gradtop.tui.widgets.cells import Cells
from gradtop.tui.widgets.chart import Chart
from gradtop.tui.widgets.chart_legend import Spot, free, overlaps
from gradtop.tui.widgets.chart_styles import NARROW, TONE

NOTCH = 12  # cells for each stroke on the axis
MARK = 18  # cells for the words of a mark, where there is no room for more


class Frame(NamedTuple):
    """Where the plot of a chart lies in its cells, and the axes that it has."""

    left: int  # the first column of the plot
    top: int  # its first row
    width: int
    height: int
    dots: tuple[int, int]
    x: Axis
    y: Axis
    label_width: int
    chart: Chart
    unicode: bool

    def position(self, step: float) -> float:
        """Where a step lies, in cells from the left end of the plot."""
        return self.x.at(self.chart.ruler.value(step)) * self.width

    def column(self, step: float) -> int:
        """The cell column of the plot where a step lies; -1 outside."""
        position = self.position(step)
        return -1 if not -1e-9 <= position <= self.width * (1 + 1e-9) else max(0, min(self.width - 1, int(position)))

    def row(self, value: float) -> int:
        """The line of the plot where a value lies, 0 at the top; -1 outside."""
        dots = self.height * self.dots[1] - 1
        share = self.y.at(value)
        return -1 if not -1e-9 <= share <= 1 + 1e-9 else self.height - 1 - int(share * dots + 0.5) // self.dots[1]

    def draw(self, width: int, height: int) -> list[Cells]:
        """All cells of the chart with axes, band and marks."""
        rows = [Cells(width) for _ in range(height)]
        plot, left = rows[self.top : self.top + self.height], self.left
        if left:
            for row in plot:
                row.put(left - 1, "│" if self.unicode else "|", TONE["axis"])
        for value, label in self.y.ticks if self.label_width else ():
            if (y := self.row(value)) >= 0:
                plot[y].put(self.label_width - len(label), label, TONE["tick"])
                plot[y].put(left - 1, "┤" if self.unicode else "+", TONE["axis"])
        if not self.y.log and self.y.low < -1e-9 * (self.y.high - self.y.low) and self.row(0.0) < self.height - 1:
            self._rule(plot[self.row(0.0)], "┈" if self.unicode else "-", 1, TONE["axis"])
        for value in self.chart.band or ():
            if (y := self.row(value)) >= 0:
                self._rule(plot[y], "·" if self.unicode else ".", 2, TONE["band"])
        for at, _words in self.chart.marks:
            if (column := self.column(at)) >= 0:
                for row in plot:
                    row.put(left + column, "┊" if self.unicode else ":", TONE["mark"])
        if height > self.top + self.height:
            self._draw_x_axis(rows[-1])
        return rows

    def _rule(self, row: Cells, text: str, every: int, tone: int) -> None:
        for x in range(0, self.width, every):
            row.put(self.left + x, text, tone)

    def _draw_x_axis(self, row: Cells) -> None:
        left, wide, chart = self.left, self.width, self.chart
        if left:
            row.put(left - 1, "└" if self.unicode else "+", TONE["axis"])
        row.put(left, ("─" if self.unicode else "-") * wide, TONE["axis"])
        # Many would be a pattern, and no longer marks.
        for at, _words in chart.notches if len(chart.notches) * NOTCH <= wide else ():
            if (column := self.column(at)) >= 0:
                row.put(left + column, "┴" if self.unicode else "'", TONE["axis"])
        last = chart.ruler.text(chart.end)
        named = f"{chart.ruler.name} {last}"
        end = left + wide
        if wide >= len(named) + 12:
            end -= len(named)
            row.put(end - 1, f" {named}", TONE["tick"])
        elif wide >= 3 * len(last):
            end -= len(last)
            row.put(end, last, TONE["tick"])
        free_from = left
        for value, label in self.x.ticks:
            column = min(wide - 1, int(self.x.at(value) * wide))
            x = max(left, left + column - len(label) // 2)
            if x >= free_from and x + len(label) < end - 1:
                row.put(x, label, TONE["tick"])
                free_from = x + len(label) + 1

    def write_below(self, row: Cells, start: int, text: str) -> None:
        """Write onto the axis what the cursor stands on; no part of another label is left beside it."""
        rule = "─" if self.unicode else "-"
        first, last = self.left + start, self.left + start + len(text)
        while first > self.left and row.text[first - 1] != rule:
            first -= 1
        while last < len(row.text) and row.text[last] != rule:
            last += 1
        row.put(first, rule * (last - first), TONE["axis"])
        row.put(self.left + start, text, TONE["cursor"])

    # Words on top of the lines

    def write_band(self, rows: Sequence[Cells], canvas: Canvas, taken: Sequence[Spot]) -> list[Spot]:
        """The band's words on one of its dotted lines, where no line of the chart runs; or at the edge beyond which it lies."""
        if not self.chart.band or self.width < NARROW:
            return []
        low, high = self.chart.band
        words = f" {self.chart.band_word} {formatting.significant(low)}–{formatting.significant(high)} "
        seen = [y for y in (self.row(high), self.row(low)) if y >= 0]
        if not seen:
            if self.y.at(low) > 1:
                words = f"{words}{'↑' if self.unicode else '^'} "
            elif self.y.at(high) < 0:
                words = f"{words}{'↓' if self.unicode else 'v'} "
        edges = seen or [self.height - 1 if self.y.at(high) < 0 else 0]
        for y in (*edges, *(y + d for d in (-1, 1) for y in edges if 0 <= y + d < self.height), 0):
            for share in (0.3, 0.15, 0.45, 0.0):
                x = int(share * self.width)
                if free(canvas, x, y, len(words)) and not any(overlaps(spot, y, x, len(words)) for spot in taken):
                    rows[y].put(self.left + x, words if self.unicode else to_ascii(words), TONE["band"])
                    return [(y, x, x + len(words))]
        return []

    def write_marks(self, rows: Sequence[Cells], canvas: Canvas, taken: Sequence[Spot]) -> None:
        """The words of each mark beside its line, as high up as they fit; cut short where they do not fit whole."""
        ends = [-1] * self.height
        rows_down = range(min(self.height, max(3, self.height // 2)))

        def fits(y: int, start: int, width: int) -> bool:
            if start <= ends[y] or start + width > self.width or not free(canvas, start, y, width):
                return False
            return not any(overlaps(spot, y, start, width) for spot in taken)

        for x, label in sorted(self.chart.marks):
            column = self.column(x)
            if column < 0 or not label:
                continue
            lengths = dict.fromkeys(format.ellipsis(label, most) for most in (max(MARK, self.width // 2), MARK))
            spots = ((words, y, at) for words in lengths for y in rows_down for at in (column + 1, column - len(words)))
            if spot := next(((words, y, at) for words, y, at in spots if fits(y, at, len(words))), None):
                words, y, at = spot
                rows[y].put(self.left + at, words, TONE["mark"])
                ends[y] = at + len(words)
