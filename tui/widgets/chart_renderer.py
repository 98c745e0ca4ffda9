"""The picture of a line chart: from series to rows of cells. No widget here, so it is tested and timed without a screen."""

from __future__ import annotations

import math

from gradtop.trainer.analysis import formatting
from gradtop.tui import format
from gradtop.tui.widgets.axis import Axis, along, along_decades, fitted
from gradtop.tui.widgets.braille import Canvas, Point, envelope, trace
from gradtop.tui.widgets.cells import Cells
from gradtop.tui.widgets.chart import Chart, Curve, data_range, legend, with_band
from gradtop.tui.widgets.projection import project

STYLES = "abcd"
TONES = (
    "text", "axis", "tick", "a", "b", "c", "d", "range-a", "range-b", "range-c", "range-d", "band", "mark", "bad", "cursor", "empty", "value",
)
TONE = {name: index for index, name in enumerate(TONES)}
# Columns of dots drawn of each so many, so that lines are told apart without colour; one alone is drawn whole.
PATTERNS: dict[str, tuple[int, ...]] = {"a": (1,), "b": (1, 1, 1, 1, 0, 0), "c": (1, 1, 0), "d": (1, 1, 1, 1, 1, 0, 1, 0), "planned": (1, 0, 0)}
GLYPHS = {"a": "*", "b": "o", "c": "+", "d": "x", "planned": "."}
MARK = 18  # cells for the words of a mark, where there is no room for more
Spot = tuple[int, int, int]  # a row, the first cell taken there, the first one after it
NARROW = 24  # below this many cells the labels of the vertical axis and the legend's words are left out


class ChartRenderer:
    """Rows of cells for one chart in one size. It keeps what does not change between frames, and the range of the axis."""

    def __init__(self, *, unicode: bool = True, thin: bool = False) -> None:
        """`thin` draws the range between lowest and highest value as a grid of dots: it needs no colour beside the line."""
        self.rows: list[Cells] = []
        self.cursor: int | None = None  # a column of the plot
        self.read: tuple[str, ...] = ()  # what stands under the cursor, in words
        self._unicode = unicode
        self._thin = thin and unicode
        self._dots = (2, 4) if unicode else (1, 1)
        self._size = (0, 0)
        self._y = Axis(0.0, 1.0)
        self._kept = False  # whether the range of the vertical axis is to stay where it is
        self._x = Axis(0.0, 1.0)
        self._label_width = 0
        self._template: tuple[object, list[Cells]] | None = None
        self._projected: dict[int, tuple[object, list[Point]]] = {}
        self._legend_low = False

    @property
    def plot_left(self) -> int:
        """The first column of the plot."""
        return self._label_width + 2 if self._label_width else 1 if self._size[0] > 10 else 0

    @property
    def plot_width(self) -> int:
        return max(1, self._size[0] - self.plot_left)

    @property
    def plot_height(self) -> int:
        return max(1, self._size[1] - (1 if self._size[1] >= 3 else 0))

    @property
    def cursor_x(self) -> float | None:
        """The x in the middle of the column under the cursor."""
        return None if self.cursor is None else self._x.value((self.cursor + 0.5) / self.plot_width)

    def draw(self, chart: Chart, width: int, height: int) -> None:
        """Compute `rows` for a chart; costs nothing of the size of a run, only of the size of the picture."""
        if (width, height) != self._size:
            self._size, self._kept, self._label_width, self._template = (width, height), False, 0, None
            self._projected.clear()
        if width <= 0 or height <= 0:
            self.rows = []
            return
        limits = data_range(chart)
        if limits is None:
            self._kept, self._label_width = False, 0
            self.rows = self._message(chart)
            return
        self._fit(chart, limits)
        canvas = self._canvas(chart)
        rows = [row.copy() for row in self._frame(chart)]
        left = self.plot_left
        for y in range(self.plot_height):
            codes, tones = canvas.line(y)
            row = rows[y]
            for x, code in enumerate(codes):
                if code:
                    row.text[left + x] = chr(code)
                    row.tones[left + x] = tones[x]
        self._mark_bad(chart, rows)
        if self.cursor is not None:
            self.cursor = max(0, min(self.plot_width - 1, self.cursor))
            self._draw_cursor(rows, canvas, self.cursor)
        taken = self._write_legend(chart, rows, canvas)
        taken += self._write_band(chart, rows, canvas, taken)
        self._write_marks(chart, rows, canvas, taken)
        self.rows = rows

    def newest(self, chart: Chart) -> int:
        """The plot's column where the lines end that are not planned."""
        ends = [line.series.x[-1] for line in chart.lines if len(line.series.x) and not line.planned]
        return max((self._column(x) for x in ends), default=self.plot_width - 1)

    # Axes

    def _fit(self, chart: Chart, limits: tuple[float, float]) -> None:
        most = max(1, self.plot_height // 2)
        low, high = chart.y_range or limits
        if chart.band and chart.y_range is None:
            low, high = with_band(low, high, chart.band, chart.log)
        old = self._y if self._kept and not chart.y_range else None
        self._y, self._kept = fitted(low, high, log=chart.log, most=most, old=old), True
        needed = self._y.label_width if self._size[0] >= NARROW else 0
        if needed > self._label_width or needed < self._label_width - 1:
            self._label_width = needed
        x_max = chart.x_max
        if x_max is None:
            ends = [line.series.x[-1] for line in chart.lines if len(line.series.x)]
            x_max = max((x for x in ends if math.isfinite(x)), default=chart.x_min + 1)
        self._x = (along_decades if chart.x_log else along)(chart.x_min, x_max, self.plot_width)

    def _column(self, x: float) -> int:
        """The cell column of the plot where x lies; outside where it lies outside."""
        share = self._x.at(x)
        return -1 if not 0 <= share <= 1 else min(self.plot_width - 1, int(share * self.plot_width))

    def _row(self, value: float) -> int:
        """The line of the picture where a value lies, 0 at the top; outside where it lies outside."""
        dots = self.plot_height * self._dots[1] - 1
        share = self._y.at(value)
        return -1 if not -1e-9 <= share <= 1 + 1e-9 else self.plot_height - 1 - int(share * dots + 0.5) // self._dots[1]

    def _frame(self, chart: Chart) -> list[Cells]:
        """Axes, band and marks: what changes seldom."""
        key = (self._y, self._x, self._label_width, chart.band, chart.marks, chart.x_name)
        if self._template is not None and self._template[0] == key:
            return self._template[1]
        width, height = self._size
        rows = [Cells(width) for _ in range(height)]
        left, wide, up = self.plot_left, self.plot_width, self._unicode
        if left:
            for y in range(self.plot_height):
                rows[y].put(left - 1, "│" if up else "|", TONE["axis"])
        taken: set[int] = set()
        for value, label in self._y.ticks if self._label_width else ():
            y = self._row(value)
            if y >= 0 and y not in taken:
                taken.add(y)
                rows[y].put(self._label_width - len(label), label, TONE["tick"])
                rows[y].put(left - 1, "┤" if up else "+", TONE["axis"])
        if chart.band:
            for value in chart.band:
                y = self._row(value)
                for x in range(0, wide, 2) if y >= 0 else ():
                    rows[y].put(left + x, "·" if up else ".", TONE["band"])
        for at, _words in chart.marks:
            column = self._column(at)
            for y in range(self.plot_height) if column >= 0 else ():
                rows[y].put(left + column, "┊" if up else ":", TONE["mark"])
        if height > self.plot_height:
            self._draw_x_axis(rows[-1], chart.x_name)
        self._template = (key, rows)
        return rows

    def _draw_x_axis(self, row: Cells, name: str) -> None:
        left, wide, up = self.plot_left, self.plot_width, self._unicode
        if left:
            row.put(left - 1, "└" if up else "+", TONE["axis"])
        row.put(left, ("─" if up else "-") * wide, TONE["axis"])
        end = left + wide
        if name and wide >= 3 * len(name) + 6:
            end -= len(name) + 2
            row.put(end, f" {name} ", TONE["tick"])
        free = left
        for value, label in self._x.ticks:
            x = max(left, left + self._column(value) - len(label) // 2)
            if x >= free and x + len(label) < end:
                row.put(x, label, TONE["tick"])
                free = x + len(label) + 1

    # Lines

    def _canvas(self, chart: Chart) -> Canvas:
        canvas = Canvas(self.plot_width, self.plot_height, self._dots)
        drawn = [(line, self._points(index, line, canvas)) for index, line in enumerate(chart.lines)]
        alone = len(drawn) == 1
        for line, points in drawn:
            kind = "planned" if line.planned else "a" if alone and self._unicode else line.style
            mask = trace(points, canvas.columns)
            if len(points) == 1 and self._unicode:
                column, row = points[0][0] & ~1, points[0][3]
                mask[column] = mask[column + 1] = 3 << max(0, row - 1)
            elif self._unicode and (pattern := PATTERNS[kind]) != (1,):
                period = len(pattern)
                mask = [bits if pattern[x % period] else 0 for x, bits in enumerate(mask)]
            canvas.draw(mask, TONE[line.style], GLYPHS[kind])
        for line, points in drawn:
            if not line.planned and len(points) > 1:
                canvas.draw(envelope(points, canvas.columns, thin=self._thin), TONE["range-" + line.style], "'", under=True)
        return canvas

    def _points(self, index: int, line: Curve, canvas: Canvas) -> list[Point]:
        """A line's points in dots; computed again only when the line or an axis is another one."""
        series = line.series
        key = (series, self._x.low, self._x.high, self._y.low, self._y.high, canvas.columns)
        known = self._projected.get(index)
        if known is not None and known[0] is not None and same(known[0], key):
            return known[1]
        points = project(series, self._x, self._y, canvas.columns, canvas.rows)
        self._projected[index] = (key, points)
        return points

    # Words on top

    def _mark_bad(self, chart: Chart, rows: list[Cells]) -> None:
        """A cross at the bottom wherever a value was not finite."""
        bottom, left = rows[self.plot_height - 1], self.plot_left
        for line in chart.lines:
            if any(line.series.nonfinite):
                for x, count in zip(line.series.x, line.series.nonfinite, strict=True):
                    if count and (column := self._column(x)) >= 0:
                        bottom.put(left + column, "✕" if self._unicode else "X", TONE["bad"])

    def _draw_cursor(self, rows: list[Cells], canvas: Canvas, column: int) -> None:
        x = self.plot_left + column
        for y in range(self.plot_height):
            if canvas.line(y)[0][column]:
                rows[y].tones[x] = TONE["cursor"]
            else:
                rows[y].put(x, "│" if self._unicode else "|", TONE["cursor"])
        if len(rows) > self.plot_height and rows[-1].text[x] in "─-":
            rows[-1].put(x, "┴" if self._unicode else "+", TONE["cursor"])

    def _write_band(self, chart: Chart, rows: list[Cells], canvas: Canvas, taken: list[Spot]) -> list[Spot]:
        """The band's words on one of its dotted lines, where no line of the chart runs; or at the edge beyond which it lies."""
        if not chart.band or self.plot_width < NARROW:
            return []
        low, high = chart.band
        words = f" {chart.band_word} {formatting.significant(low)}–{formatting.significant(high)} "
        seen = [y for y in (self._row(high), self._row(low)) if y >= 0]
        if not seen:
            if self._y.at(low) > 1:
                words = f"{words}{'↑' if self._unicode else '^'} "
            elif self._y.at(high) < 0:
                words = f"{words}{'↓' if self._unicode else 'v'} "
        edges = seen or [self.plot_height - 1 if self._y.at(high) < 0 else 0]
        for y in (*edges, *(y + d for d in (-1, 1) for y in edges if 0 <= y + d < self.plot_height), 0):
            for share in (0.3, 0.15, 0.45, 0.0):
                x = int(share * self.plot_width)
                if free(canvas, x, y, len(words)) and not any(overlaps(spot, y, x, len(words)) for spot in taken):
                    rows[y].put(self.plot_left + x, words if self._unicode else words.replace("–", "-"), TONE["band"])
                    return [(y, x, x + len(words))]
        return []

    def _write_marks(self, chart: Chart, rows: list[Cells], canvas: Canvas, taken: list[Spot]) -> None:
        """The words of each mark beside its line, as high up as they fit; cut short where they do not fit whole."""
        ends = [-1] * self.plot_height
        rows_down = range(min(self.plot_height, max(3, self.plot_height // 2)))

        def fits(y: int, start: int, width: int) -> bool:
            if start <= ends[y] or start + width > self.plot_width or not free(canvas, start, y, width):
                return False
            return not any(overlaps(spot, y, start, width) for spot in taken)

        for x, said in sorted(chart.marks):
            column = self._column(x)
            if column < 0 or not said:
                continue
            lengths = dict.fromkeys(format.ellipsis(said, most) for most in (max(MARK, self.plot_width // 2), MARK))
            spots = ((words, y, at) for words in lengths for y in rows_down for at in (column + 1, column - len(words)))
            if spot := next(((words, y, at) for words, y, at in spots if fits(y, at, len(words))), None):
                words, y, at = spot
                rows[y].put(self.plot_left + at, words, TONE["mark"])
                ends[y] = at + len(words)

    def _write_legend(self, chart: Chart, rows: list[Cells], canvas: Canvas) -> list[Spot]:
        """Names and values at the right: in the top rows, or in the bottom ones where they would hide less."""
        entries = legend(chart, self.cursor_x, (self._x.high - self._x.low) / self.plot_width)
        self.read = tuple(f"{words} {value}".strip() for _line, words, value in entries)
        bare = self.plot_width < NARROW
        words_width = 0 if bare else max((len(words) for _line, words, _value in entries), default=0)
        value_width = max((len(value) for _line, _words, value in entries), default=0)
        sampled = not bare and sum(entry[0] is not None for entry in entries) > 1
        width = value_width + (words_width + 2 if words_width else 0) + (4 if sampled else 0)
        count = len(entries)
        if not count or width + 2 > self.plot_width or count > self.plot_height:
            return []
        x = self.plot_width - width - 1
        top, bottom = 0, self.plot_height - count
        over = [sum(not free(canvas, x - 1, y + i, width + 2) for i in range(count)) for y in (top, bottom)]
        if over[self._legend_low] > over[not self._legend_low]:
            self._legend_low = not self._legend_low
        for i, (line, words, value) in enumerate(entries):
            row, start = rows[(bottom if self._legend_low else top) + i], self.plot_left + x
            row.put(start - 1, " " * (width + 2), TONE["text"])
            tone = TONE["tick"] if line is None else TONE[line.style]
            if sampled:
                row.put(start, self._sample(line), tone)
                start += 4
            if words_width:
                row.put(start, words, tone)
            row.put(self.plot_left + x + width - len(value), value, TONE["value"])
        first = bottom if self._legend_low else top
        return [(y, x - 1, x + width + 1) for y in range(first, first + count)]

    def _sample(self, line: Curve | None) -> str:
        """Three cells of a line's pattern."""
        if line is None:
            return "   "
        kind = "planned" if line.planned else line.style
        if not self._unicode:
            return GLYPHS[kind] * 3
        canvas = Canvas(3, 1, (2, 4))
        pattern = PATTERNS[kind]
        canvas.draw([2 * pattern[x % len(pattern)] for x in range(6)], 1, "")
        return "".join(chr(code) if code else " " for code in canvas.line(0)[0])

    def _message(self, chart: Chart) -> list[Cells]:
        """What is said where there is nothing to draw; crosses where nothing was finite."""
        width, height = self._size
        rows = [Cells(width) for _ in range(height)]
        lost = sum(sum(line.series.nonfinite) for line in chart.lines)
        text = f"not one finite value in {formatting.number(lost)}" if lost else chart.empty
        words = format.ellipsis(text, width)
        rows[(height - 1) // 2].put((width - len(words)) // 2, words, TONE["bad" if lost else "empty"])
        return rows


def same(a: object, b: object) -> bool:
    """Whether two keys name the same series object and the same numbers."""
    return isinstance(a, tuple) and isinstance(b, tuple) and a[0] is b[0] and a[1:] == b[1:]


def overlaps(spot: Spot, y: int, start: int, width: int) -> bool:
    row, first, end = spot
    return row == y and start < end and first < start + width


def free(canvas: Canvas, x: int, y: int, width: int) -> bool:
    """Whether no line runs through some cells of a row."""
    if x < 0 or x + width > canvas.width + 1:
        return False
    start = (canvas.height - 1 - y) * canvas.width
    return not any(canvas.bits[start + x : start + min(x + width, canvas.width)])
