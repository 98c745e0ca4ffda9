"""3 Gradients: one row per parameter, what is wrong with it, and one parameter in a large chart."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult

from gradtop.trainer.analysis import formatting
from gradtop.trainer.analysis.gradient_health import HUGE_UPDATE, LARGE_UPDATE, Verdict
from gradtop.trainer.record import RunState
from gradtop.trainer.record.streams.registry import shown_by
from gradtop.tui import keys
from gradtop.tui.framework.charted import CHART_ACTIONS, ChartedScreen
from gradtop.tui.framework.lines import Lines, TextLine
from gradtop.tui.framework.mode_screen import bindings
from gradtop.tui.reading.chart_view import WHOLE_RUN
from gradtop.tui.reading.snapshot import Facts, Snapshot
from gradtop.tui.screens.gradients.data import (
    SORTS,
    Curves,
    GradientRow,
    GradientsPart,
    GradientsView,
    at,
    counts,
    ordered,
    read_gradients,
)
from gradtop.tui.widgets.chart import Curve
from gradtop.tui.widgets.columns import Cell, Piece, TableColumn
from gradtop.tui.widgets.line_chart import LineChart
from gradtop.tui.widgets.sparkline import BAD, sparkline
from gradtop.tui.widgets.table import Table

ROOMY, SPARK = 150, 24  # from so many columns on the curves have more than so many cells, and shapes and counts their columns
WIDE = 100  # from so many columns on the trend has its word, and the pictures are large


class Gradients(ChartedScreen):
    """A table; Enter puts a chart in its place, in which j and k walk through the rows."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("gradients")
    AUTO_FOCUS = "Table"
    mode = "gradients"
    streams = shown_by(mode)
    read = staticmethod(read_gradients)

    def __init__(self) -> None:
        super().__init__()
        self._sort, self._reverse = "trouble", False
        self._rows: dict[str, GradientRow] = {}
        self._chart = ""

    def body(self) -> ComposeResult:
        yield Lines(id="title")
        yield Table(filters=True)
        yield LineChart(id="norm")
        yield Lines(id="detail")
        yield Lines(id="summary")

    @property
    def table(self) -> Table:
        return self.query_one(Table)

    @property
    def chart(self) -> LineChart:
        return self.query_one(LineChart)

    def on_mount(self) -> None:
        wanted = self.gradtop.memory.get("gradients.sort")
        self._sort = wanted if wanted in SORTS else SORTS[0]
        self.table.go(self.gradtop.memory.get("gradients.row"))
        self.chart.border_title = "gradient norm before clipping"
        self._arrange()

    # What is read

    def view(self) -> GradientsView:
        return GradientsView(self._chart, self.chart_view if self._chart else WHOLE_RUN)

    def looked_at(self) -> tuple[str, ...]:
        return (self._chart,) if self._chart else ()

    def show(self, snapshot: Snapshot) -> None:
        part = snapshot.part
        if snapshot.facts.run is None or not isinstance(part, GradientsPart):
            self.explain("" if snapshot.facts.run else f"No run is selected. {keys.name('mode.runs')} lists the runs, {keys.name('mode.tune')} starts one.")
            return
        self.explain("")
        if self.focused is None:
            self.set_focus(self.chart if self._chart else self.table)
        self.table.set_empty(waiting_for(snapshot.facts, part))
        named = {row.name: row for row in part.rows}
        if named.keys() != self._rows.keys():
            self._rows = named
            self._set_columns()
        self._rows = named
        if self._chart and self._chart not in named:
            self._leave_chart()
        self._fill()

    def _fill(self) -> None:
        rows = ordered(tuple(self._rows.values()), self._sort, self.table.filter, reverse=self._reverse)
        width, part = self._spark_width, self.snapshot.part
        end = part.end if isinstance(part, GradientsPart) else 1.0
        self.table.set_sorted(self._sort, descending=(self._sort != "depth") != self._reverse)
        self.table.show([row.name for row in rows], lambda key: cells(self._rows[key], width, end), total=len(self._rows))
        self._draw_chart()
        self._say()

    def _draw_chart(self) -> None:
        row, part = self._rows.get(self._chart), self.snapshot.part
        if row is None or not isinstance(part, GradientsPart):
            return
        # Until the large curves are read, the small ones are there.
        curves = part.curves if part.curves.name == row.name else Curves(row.name, row.over_time, end=part.step or 1.0)
        facts = self.snapshot.facts
        self.prepare(facts, curves.clock, (float(facts.status.began), curves.end), float(facts.status.step))
        first, last = self.span(curves.end)
        self.chart.set_series([Curve("", curves.norm, "c")], log=True, marks=curves.marks, x_min=first, x_max=last)
        place = f"{self.table.keys.index(row.name) + 1} of {len(self.table.keys)}" if row.name in self.table.keys else ""
        self.query_one("#title", Lines).show([title(row, place)])

    def _say(self) -> None:
        row = self._rows.get(self._chart or self.table.key)
        self.query_one("#detail", Lines).show([detail(row)] if row is not None else [])
        part = self.snapshot.part
        step, unmeasured = (part.step, part.unmeasured) if isinstance(part, GradientsPart) else (None, "")
        words = self._reading() if self._chart else summary(tuple(self._rows.values()), self._sort, step, unmeasured)
        self.query_one("#summary", Lines).show([words])

    def _reading(self) -> TextLine:
        chart, part = self.chart, self.snapshot.part
        if chart.cursor_x is None or not isinstance(part, GradientsPart):
            return [(" ← → read the values at a step   j k next parameter   esc all parameters", "muted")]
        words = reading(part.curves, chart.cursor_x)
        return [*words, (f"   {part.unmeasured}", "warning")] if part.unmeasured else words

    # The table

    def on_table_filtered(self) -> None:
        self._fill()

    def on_table_moved(self) -> None:
        if self.table.key:
            self.gradtop.remember("gradients.row", self.table.key)
        self._say()
        self.refresh_bindings()

    def on_table_chosen(self) -> None:
        self._open_chart(self.table.key)

    def action_sort(self) -> None:
        self._sort_by("depth" if self._sort == "trouble" else "trouble")

    def on_table_sorted(self, message: Table.Sorted) -> None:
        self._sort_by(message.key, reverse=message.key == self._sort and not self._reverse)

    def _sort_by(self, sort: str, *, reverse: bool = False) -> None:
        self._sort, self._reverse = sort, reverse
        self.gradtop.remember("gradients.sort", sort)
        self._fill()
        self.refresh_bindings()

    # The chart

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "choose":
            return True if self.table.key and not self._chart else None
        if action == "walk" or (action in CHART_ACTIONS and not self._chart):
            return bool(self._chart)
        if action == "sort":
            return True if self._rows and not self._chart else None
        return super().check_action(action, parameters)

    def label(self, identity: str | None, label: str) -> str:
        if identity == "gradients.sort":
            return "by depth" if self._sort == "trouble" else "by trouble"
        return super().label(identity, label)

    def action_choose(self) -> None:
        self._open_chart(self.table.key)

    def _open_chart(self, name: str) -> None:
        if name in self._rows:
            self._chart = name
            self._arrange()
            self.set_focus(self.chart)
            self._fill()
            self.request_data()
            self.refresh_bindings()

    def _leave_chart(self) -> None:
        self._chart = ""
        self.chart.action_drop_cursor()
        self._arrange()
        self.set_focus(self.table)
        self._say()
        self.request_data()
        self.refresh_bindings()

    def action_walk(self, step: int) -> None:
        """The next or the previous parameter, in the order of the table."""
        self.table.move(step)
        if self.table.key != self._chart:
            self._open_chart(self.table.key)

    def on_line_chart_cursor_moved(self, message: LineChart.CursorMoved) -> None:  # noqa: ARG002 - as Textual calls it
        self._say()

    @property
    def is_inside(self) -> bool:
        return bool(self._chart)

    def back(self) -> bool:
        if not self._chart:
            return super().back()
        self._leave_chart()
        return True

    def turn(self, step: int) -> None:
        """There is one pane: Tab has nowhere to go."""

    # What fits

    def _arrange(self) -> None:
        self.table.display = not self._chart
        self.chart.display = self.query_one("#title").display = bool(self._chart)

    @property
    def _spark_width(self) -> int:
        width = self.size.width
        return SPARK + 1 + (width - ROOMY) * 2 // 3 if width >= ROOMY else SPARK if width >= WIDE else 12

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self._set_columns()
        self._fill()

    def _set_columns(self) -> None:
        self.table.set_columns(columns(tuple(self._rows.values()), self.size.width, self._spark_width))

    def copied(self) -> tuple[str, str]:
        row = self._rows.get(self._chart or self.table.key)
        if row is None:
            return super().copied()
        if self._chart and self.chart.cursor_x is not None:
            return f"{row.shown}: {''.join(text for text, _tone in self._reading()).strip()}", "what is under the line"
        now = "–" if row.now is None else norm_text(row.now)
        return f"{row.shown} {now} {words_of(row.verdict)}", "name, norm and finding"


def waiting_for(facts: Facts, part: GradientsPart) -> str:
    """Why there are no gradients to show, and what brings them."""
    if part.unreadable:
        return f"the gradients cannot be shown: {part.unreadable}"
    if part.unmeasured:
        return part.unmeasured
    if facts.setting("monitor.enabled") is False:
        return f"gradients are not measured (monitor.enabled is false); {keys.name('mode.tune')} changes it"
    if facts.state in {RunState.CREATED, RunState.STARTING}:
        return "starting: the first norms follow with the first step, in a few seconds"
    return "the first norms follow with the first step" if facts.alive else f"the run ended before its first step: {keys.name('log')} shows the log, {keys.name('mode.tune')} starts another run"


# What a row says


def columns(rows: Sequence[GradientRow], width: int, spark: int) -> list[TableColumn]:
    names = max([14, *(cell_len(row.shown) for row in rows)])
    return [
        TableColumn("parameter", min(width // 3, names), least=min(names, 24 if width >= WIDE else 14), keep="end", sort="depth"),
        *([TableColumn("shape", 14, priority=6), TableColumn("parameters", 12, right=True, priority=5)] if width >= ROOMY else []),
        TableColumn("norm now", 9, right=True, sort="norm"),
        TableColumn("over time (log)" if spark >= 15 else "over time", spark, priority=1),
        TableColumn("trend", 8, priority=3) if width >= WIDE else TableColumn("", 1, priority=2),
        TableColumn("update:weight", 14, right=True, priority=4, sort="update:weight") if width >= WIDE else TableColumn("upd:w", 8, right=True, priority=4, sort="update:weight"),
        TableColumn("finding", 24, least=14, grow=True, sort="trouble"),
    ]


def cells(row: GradientRow, spark: int, end: float) -> Sequence[Cell]:
    arrow, word = row.trend
    return (
        row.shown,
        *([(row.shape, "muted"), (formatting.number(row.count), "muted")] if spark > SPARK else []),
        ("–", "muted") if row.now is None else (norm_text(row.now), "text" if row.now - row.now == 0 else "error"),
        bars(sparkline(row.over_time.x, row.over_time.mean, row.over_time.nonfinite, spark, end)),
        ([(arrow, "text"), (f" {word}", "muted")] if spark >= 15 else (arrow, "text")) if arrow else ("–", "muted"),
        ratio_cell(row),
        finding(row.verdict),
    )


def bars(text: str) -> Sequence[Piece]:
    """Bars in one colour, the marks of what is not finite in another."""
    pieces: list[Piece] = []
    for number, part in enumerate(text.split(BAD)):
        pieces += [(BAD, "error")] if number else []
        pieces += [(part, "primary")] if part else []
    return pieces or [("", "muted")]


def ratio_cell(row: GradientRow) -> Piece:
    """The ratio, marked where a step changes a matrix by a tenth and more; biases begin at zero, where any step is large."""
    if row.ratio is None:
        return ("–", "muted")
    text = norm_text(row.ratio)
    if row.is_vector or row.ratio < LARGE_UPDATE:
        return (text, "muted")
    return (f"▲ {text}", "error" if row.ratio >= HUGE_UPDATE else "warning")


def finding(verdict: Verdict) -> Sequence[Piece]:
    words = words_of(verdict)
    return [(f"{verdict.symbol} ", verdict.tone), (words, verdict.tone if verdict.is_trouble else "muted")]


def words_of(verdict: Verdict) -> str:
    return f"{verdict.state}: {verdict.why}" if verdict.why else verdict.state


def norm_text(value: float) -> str:
    """Always a digit after the point, so that a column reads at a glance: 3.1e-1, 1.0e0."""
    if value - value != 0 or value == 0:
        return formatting.significant(value)
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def title(row: GradientRow, place: str) -> TextLine:
    words: list[Piece] = [(f" {row.shown}", "strong"), (f"   {row.shape}   ", "muted"), (formatting.number(row.count), "text"), (" parameters", "muted")]
    return [*words, (f"   {place}", "muted")]


def detail(row: GradientRow) -> TextLine:
    """The whole finding on one parameter."""
    return [(f" {row.shown}  ", "text"), *finding(row.verdict)]


def summary(rows: Sequence[GradientRow], sort: str, step: float | None, unmeasured: str = "") -> TextLine:
    if not rows:
        return []
    words: list[Piece] = [(" ", "muted")]
    for verdict, count in counts(rows):
        words += [(f"{verdict.symbol} ", verdict.tone), (f"{count} {verdict.state}   ", "text" if verdict.is_trouble else "muted")]
    words.append((f"sorted by {sort}", "muted"))
    if step is not None:
        words.append((f"   measured at step {formatting.number(step)}", "muted"))
    return [*words, (f"   {unmeasured}", "warning")] if unmeasured else words


def reading(curves: Curves, step: float) -> TextLine:
    """The values at a step of the chart."""
    words: list[Piece] = [(" step ", "muted"), (formatting.number(max(0, round(step))), "strong")]
    for label, series in (("gradient norm", curves.norm), ("weight norm", curves.weight), ("update:weight", curves.ratio)):
        value = at(series, step)
        words += [(f"   {label} ", "muted"), ("–" if value is None else norm_text(value), "strong")]
    return words
