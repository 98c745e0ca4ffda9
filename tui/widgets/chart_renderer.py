"""The picture of a line chart: from series to rows of cells. No widget here, so it is tested and timed without a screen."""

from __future__ import annotations

from collections.abc import Sequence

from gradtop.trainer.analysis import formatting
from gradtop.tui import format
from gradtop.tui.ascii import to_ascii
from gradtop.tui.widgets.axis import Axis, RowScale, kept_in_rows
from gradtop.tui.widgets.braille import Canvas, DotColumn, envelope, thick, trace
from gradtop.tui.widgets.cells import Cells
from gradtop.tui.widgets.chart import Chart, Curve, Drawable, data_range, smoothed, spans_decades, with_band
from gradtop.tui.widgets.chart_frame import Frame
from gradtop.tui.widgets.chart_legend import Legend, LegendEntry, entries
from gradtop.tui.widgets.chart_reading import events_at, moved, named, places
from gradtop.tui.widgets.chart_styles import BEST, GLYPHS, NARROW, PATTERNS, TONE
from gradtop.tui.widgets.projection import project

RARE = 4  # columns of dots for each point, from which on the points are drawn as such
ROWS_FOR_LEGEND = 4  # of the plot, below which it gives up none for the legend
ROWS_BESIDE = 5  # that are left to it where it gives up more than one


class ChartRenderer:
    """Rows of cells for one chart in one size. It keeps what does not change between frames, and the range of the axis."""

    def __init__(self, *, unicode: bool = True, thin: bool = False) -> None:
        """`thin` draws only the ends of the range between lowest and highest value, and the line bold: it needs no colour."""
        self.rows: list[Cells] = []
        self.cursor: float | None = None  # a step
        self.read: tuple[str, ...] = ()  # what the legend says, in words; what the cursor stands on first
        self._unicode = unicode
        self._thin = thin and unicode
        self._dots = (2, 4) if unicode else (1, 1)
        self._size = (0, 0)
        self._y: Axis | None = None  # as long as its range is to stay where it is
        self._log = False
        self._label_width = 0
        self._legend = Legend(unicode=unicode)
        self._top = 0  # rows above the plot, for a legend that finds no place in it
        self._known: object = None  # what a new one of gives the range and the legend another chance
        self._frame: Frame | None = None
        self._template: tuple[object, list[Cells]] | None = None
        self._projected: dict[tuple[int, bool], tuple[object, list[DotColumn]]] = {}
        self._averages: dict[int, tuple[Drawable, float, Drawable]] = {}

    @property
    def plot_left(self) -> int:
        """The first column of the plot."""
        return self._label_width + 2 if self._label_width else 1 if self._size[0] > 10 else 0

    @property
    def plot_width(self) -> int:
        return max(1, self._size[0] - self.plot_left)

    @property
    def plot_top(self) -> int:
        return self._top

    @property
    def plot_height(self) -> int:
        return max(1, self._size[1] - self._top - (1 if self._size[1] >= 3 else 0))

    @property
    def is_log(self) -> bool:
        """Whether the vertical axis is logarithmic now."""
        return self._log

    def draw(self, chart: Chart, width: int, height: int) -> None:
        """Compute `rows` for a chart; costs nothing of the size of a run, only of the size of the picture."""
        known = (width, height, chart.x_min, chart.end, chart.ruler.name, len(chart.lines), chart.log)
        if known != self._known:
            self._known, self._top, self._y, self._legend.corner = known, 0, None, 0
        if (width, height) != self._size:
            self._size, self._y, self._label_width, self._template = (width, height), None, 0, None
            self._projected.clear()
        if width <= 0 or height <= 0:
            self.rows = []
            return
        if chart.log is None or chart.log != self._log:
            self._log = spans_decades(chart, before=self._log) if chart.log is None else chart.log
        limits = data_range(chart, log=self._log)
        if limits is None:
            self._y, self._label_width, self._frame, self._top = None, 0, None, 0
            self.rows = self._message(chart)
            return
        frame = self._fit(chart, limits)
        canvas = self._canvas(frame)
        found = entries(chart, self.cursor, frame.position)
        spot = self._legend.place(found, canvas) if found and not self._top else None
        if found and spot is None and (rows := self._rows_above(found, frame.width)) > self._top:
            self._top, self._y = rows, None
            frame = self._fit(chart, limits)
            canvas = self._canvas(frame)
        self._frame = frame
        self._compose(frame, canvas, found, spot)

    def _rows_above(self, found: Sequence[LegendEntry], room: int) -> int:
        """How many the legend has, where no corner is free for it. They grow no more while the cursor moves, whose figures come and go."""
        height = self._top + self.plot_height
        if self.cursor is not None:
            return self._top or int(height >= ROWS_FOR_LEGEND)
        return max(min(len(self._legend.rows(found, room)), height - ROWS_BESIDE), int(height >= ROWS_FOR_LEGEND))

    def _compose(self, frame: Frame, canvas: Canvas, found: Sequence[LegendEntry], spot: tuple[int, int, int] | None) -> None:
        chart, left = frame.chart, frame.left
        rows = [row.copy() for row in self._behind(frame)]
        plot = rows[self._top : self._top + frame.height]
        for y, row in enumerate(plot):
            codes, tones = canvas.line(y)
            for x, code in enumerate(codes):
                if code:
                    row.text[left + x] = chr(code)
                    row.tones[left + x] = tones[x]
        self._mark_points(frame, plot)
        self._mark_bad(frame, plot)
        if self.cursor is not None:
            self._draw_cursor(frame, rows, canvas, self.cursor)
        taken = self._legend.write(found, plot, left, frame.width, spot) if spot is not None else []
        if self._top:
            self._legend.write_rows(found, rows[: self._top], left)
        taken += frame.write_band(plot, canvas, taken)
        frame.write_marks(plot, canvas, taken)
        read = tuple(f"{entry.words} {entry.value}".strip() for entry in found)
        self.read = (named(chart, self.cursor), *read) if self.cursor is not None else read
        self.rows = rows

    # The cursor

    def moved(self, chart: Chart, cells: int) -> float | None:
        """Where the cursor goes by so many cells."""
        return moved(chart, self.cursor, cells, self._frame.position) if self._frame is not None else None

    def place_at(self, chart: Chart, column: int) -> float | None:
        """The place for the cursor nearest to a column of the plot."""
        frame = self._frame
        return min(places(chart), key=lambda x: abs(frame.position(x) - column - 0.5), default=None) if frame is not None else None

    # Axes

    def _fit(self, chart: Chart, limits: tuple[float, float]) -> Frame:
        low, high = chart.y_range or limits
        if chart.band and chart.y_range is None:
            low, high = with_band(low, high, chart.band, log=self._log)
        old = self._y if not chart.y_range else None
        self._y = kept_in_rows(low, high, RowScale(self.plot_height, self._dots[1]), log=self._log, old=old)
        needed = self._y.label_width if self._size[0] >= NARROW else 0
        if needed > self._label_width or needed < self._label_width - 1:
            self._label_width = needed
        x = chart.ruler.axis(chart.x_min, chart.end, self.plot_width)
        return Frame(self.plot_left, self._top, self.plot_width, self.plot_height, self._dots, x, self._y, self._label_width, chart, self._unicode)

    def _behind(self, frame: Frame) -> list[Cells]:
        """Axes, band and marks: what changes seldom."""
        chart = frame.chart
        key = (frame.x, frame.y, frame.left, frame.top, chart.band, chart.marks, chart.notches, chart.ruler.name, chart.end)
        if self._template is None or self._template[0] != key:
            self._template = (key, frame.draw(*self._size))
        return self._template[1]

    # Lines

    def _canvas(self, frame: Frame) -> Canvas:
        chart = frame.chart
        canvas = Canvas(frame.width, frame.height, self._dots)
        order = sorted(range(len(chart.lines)), key=lambda index: (chart.lines[index].planned or chart.lines[index].faint, -index))
        alone = len(order) == 1
        for index in order:
            line = chart.lines[index]
            points = self._points(index, line.series, frame, canvas)
            rare = is_rare(line, points) and not line.faint
            if chart.smooth and not line.planned and not rare:
                points = self._points(index, self._average(index, line, chart.smooth), frame, canvas, average=True)
            kind = "a" if alone and self._unicode and not line.planned else line.kind
            mask = trace(points, canvas.columns)
            if self._unicode:
                if self._thin and not line.planned and any(low != high for _, low, high, _, _ in points):
                    mask = thick(mask, canvas.rows)
                if (pattern := PATTERNS[kind]) != (1,):
                    period = len(pattern)
                    mask = [bits if pattern[x % period] else 0 for x, bits in enumerate(mask)]
            for column, _low, _high, row, _gap in points if rare else ():
                mask[column] |= 1 << row  # nothing is written over a point
            canvas.draw(mask, TONE[f"range-{line.style}" if line.faint else line.style], GLYPHS[kind])
        for index in order:
            line = chart.lines[index]
            if line.planned or line.faint or len(line.series.x) < 2:
                continue
            points = self._points(index, line.series, frame, canvas)
            mask = envelope(points, canvas.columns, thin=self._thin)
            if chart.smooth:
                mask = [bits | raw for bits, raw in zip(mask, trace(points, canvas.columns), strict=True)]
            canvas.draw(mask, TONE["range-" + line.style], "'", under=True)
        return canvas

    def _average(self, index: int, line: Curve, decay: float) -> Drawable:
        known = self._averages.get(index)
        if known is None or known[0] is not line.series or known[1] != decay:
            known = self._averages[index] = (line.series, decay, smoothed(line.series, decay))
        return known[2]

    def _points(self, index: int, series: Drawable, frame: Frame, canvas: Canvas, *, average: bool = False) -> list[DotColumn]:
        """A line's points in dots; computed again only when the line or an axis is another one."""
        key = (series, frame.x.low, frame.x.high, frame.y.low, frame.y.high, canvas.columns, canvas.rows, frame.chart.ruler)
        known = self._projected.get((index, average))
        if known is not None and same(known[0], key):
            return known[1]
        points = project(series, frame.chart.ruler, frame.x, frame.y, canvas.columns, canvas.rows)
        self._projected[index, average] = (key, points)
        return points

    # On top

    def _mark_points(self, frame: Frame, plot: Sequence[Cells]) -> None:
        """The points of what was measured rarely, and the best one."""
        for index, line in enumerate(frame.chart.lines):
            points = self._projected[index, False][1] if (index, False) in self._projected else ()
            if is_rare(line, points) and not line.faint:
                text = "•" if self._unicode else GLYPHS[line.kind]
                for column, _low, _high, row, _gap in points:
                    plot[frame.height - 1 - row // self._dots[1]].put(frame.left + column // self._dots[0], text, TONE[line.style])
            if line.best is not None and (column := frame.column(line.best[0])) >= 0 and (row := frame.row(line.best[1])) >= 0:
                plot[row].put(frame.left + column, BEST if self._unicode else to_ascii(BEST), TONE[line.style])

    def _mark_bad(self, frame: Frame, plot: Sequence[Cells]) -> None:
        """A cross at the bottom wherever a value was not finite."""
        for line in frame.chart.lines:
            if any(line.series.nonfinite):
                for x, count in zip(line.series.x, line.series.nonfinite, strict=True):
                    if count and (column := frame.column(x)) >= 0:
                        plot[-1].put(frame.left + column, "✕" if self._unicode else "X", TONE["bad"])

    def _draw_cursor(self, frame: Frame, rows: Sequence[Cells], canvas: Canvas, step: float) -> None:
        """A line through the point, and on the axis below what it is."""
        if (column := frame.column(step)) < 0:
            return
        plot = rows[frame.top : frame.top + frame.height]
        x = frame.left + column
        for y, row in enumerate(plot):
            if canvas.line(y)[0][column]:
                row.tones[x] = TONE["cursor"]
            else:
                row.put(x, "│" if self._unicode else "|", TONE["cursor"])
        if len(rows) > frame.top + frame.height:
            words = [named(frame.chart, step), *events_at(frame.chart, step, frame.position)]
            text = format.ellipsis(f" {' · '.join(words)} ", frame.width)
            start = max(0, min(frame.width - len(text), column - len(text) // 2))
            frame.write_below(rows[-1], start, text if self._unicode else to_ascii(text))

    def _message(self, chart: Chart) -> list[Cells]:
        """What is said where there is nothing to draw; crosses where nothing was finite."""
        width, height = self._size
        rows = [Cells(width) for _ in range(height)]
        lost = sum(sum(line.series.nonfinite) for line in chart.lines)
        text = f"not one finite value in {formatting.number(lost)}" if lost else chart.empty
        words = format.ellipsis(text, width)
        rows[(height - 1) // 2].put((width - len(words)) // 2, words, TONE["bad" if lost else "empty"])
        return rows


def is_rare(line: Curve, points: Sequence[DotColumn]) -> bool:
    """Whether a line was measured so rarely that its points are to be seen."""
    return bool(points) and not line.planned and RARE * (len(points) - 1) <= points[-1][0] - points[0][0]


def same(a: object, b: object) -> bool:
    """Whether two keys name the same series object and the same numbers."""
    return isinstance(a, tuple) and isinstance(b, tuple) and a[0] is b[0] and a[1:] == b[1:]
