"""All metrics of a run as charts in a grid: scrolled, filtered by name, and put on the Overview."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.geometry import Size

from gradtop.trainer.record.streams.registry import shown_by
from gradtop.tui.framework.charted import StepsScreen
from gradtop.tui.framework.lines import Lines, TextLine
from gradtop.tui.framework.mode_screen import bindings
from gradtop.tui.framework.name_filter import NameFilter
from gradtop.tui.framework.notices import no_run_text
from gradtop.tui.framework.picks import axis_of, baseline_note, keep_picks, kept_picks, metric_line
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.screens.metrics.data import MetricsPart, MetricsView, read_metrics
from gradtop.tui.widgets.line_chart import LineChart

MOST = 18  # charts
LEAST = (40, 8)  # cells of a chart
LAST = 1_000_000


class Metrics(StepsScreen):
    """As many charts as fit; the arrows up and down turn the page by a row of them."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("metrics")
    mode = "metrics"
    streams = shown_by(mode)
    read = staticmethod(read_metrics)

    def __init__(self) -> None:
        super().__init__()
        self._first, self._typed, self._alone = 0, "", ""
        self._shape = (2, 3)
        self._names: dict[str, str] = {}  # of the metric in each chart

    def body(self) -> ComposeResult:
        yield Lines(id="title")
        with Container(id="grid"):
            for number in range(count(shape_for(self.app.size))):
                yield LineChart(id=f"metric-{number}")
        yield NameFilter()

    def view(self) -> MetricsView:
        return MetricsView(self.chart_view, self._typed, 0 if self._alone else self._first, count(self._shape), self._alone)

    def show(self, snapshot: Snapshot) -> None:
        part = snapshot.part
        if snapshot.facts.run is None or not isinstance(part, MetricsPart):
            self.explain("" if snapshot.facts.run else no_run_text())
            return
        self.explain("" if part.total else "Nothing has been recorded yet.")
        began = float(snapshot.facts.status.began)
        self.prepare(snapshot.facts, part.clock, (began, part.end), part.newest)
        first, last = self.span(part.end)
        picked = kept_picks(self.gradtop.memory)
        for number, chart in enumerate(self.query(LineChart)):
            chart.display = number < len(part.curves)
            if chart.display:
                curve = part.curves[number]
                if self._names.get(str(chart.id)) != curve.name:
                    self._names[str(chart.id)] = curve.name
                    self.recall_axis(chart)
                title = f"{curve.name}{' [' + curve.unit + ']' if curve.unit else ''}{'  on Overview' if curve.name in picked else ''}"
                if chart.border_title != title:
                    chart.border_title = title
                chart.set_empty(curve.unavailable or "nothing measured")
                chart.set_series([metric_line(curve)], notes=baseline_note(curve.baseline), log=axis_of(curve), marks=part.marks, notches=part.checkpoints, x_min=first, x_max=last)
        columns, _rows = self._shape
        grid = self.query_one("#grid")
        grid.styles.grid_size_columns = min(columns, max(1, len(part.curves)))
        grid.styles.grid_size_rows = -(-len(part.curves) // columns) or 1
        self.query_one("#title", Lines).show([title_line(part, self._typed)])
        self.refresh_bindings()

    def chart_name(self, chart: LineChart) -> str:
        return self._names.get(str(chart.id), "")

    # What fits

    def on_mount(self) -> None:
        self._fit()

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self._fit()

    def _fit(self) -> None:
        size = self.size or self.app.size
        shape = shape_for(size)
        if shape != self._shape:
            self._shape = shape
            there = len(self.query(LineChart))
            self.query_one("#grid").mount_all(LineChart(id=f"metric-{number}") for number in range(there, count(shape)))
            self.request_data()

    # Moving, filtering, choosing

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "zoom" and self._alone:
            return None
        if action in {"pick", "zoom"}:
            return True if self.charts() else None
        return super().check_action(action, parameters)

    def action_scroll_rows(self, rows: int) -> None:
        part = self.snapshot.part
        columns, there = self._shape
        names = len(part.names) if isinstance(part, MetricsPart) else 0
        most = max(0, -(-names // columns) - there) * columns
        first = max(0, min(self._first + (rows * columns if abs(rows) < LAST else rows), most))
        if first != self._first:
            self._first = first
            self.request_data()

    def action_turn_page(self, pages: int) -> None:
        self.action_scroll_rows(pages * self._shape[1])

    def action_filter(self) -> None:
        self.query_one(NameFilter).open()

    def on_name_filter_typed(self, message: NameFilter.Typed) -> None:
        self._typed, self._first = message.text, 0
        self.request_data()

    def on_name_filter_closed(self) -> None:
        self.set_focus(None)

    def back(self) -> bool:
        if (typed := self.query_one(NameFilter)).is_used:
            typed.close(clear=True)
            return True
        if self._alone:
            self._alone = ""
            self.request_data()
            return True
        if super().back():
            return True
        self.gradtop.action_mode("overview")
        return True

    def action_zoom(self) -> None:
        """Show the chart that is pointed at alone."""
        if (chart := self.pointed()) is not None:
            self._alone = self.chart_name(chart)
            self.request_data()

    def action_pick(self) -> None:
        """Put the metric on the Overview, or take it away."""
        chart = self.pointed()
        name = self.chart_name(chart) if chart is not None else ""
        if name:
            picked = kept_picks(self.gradtop.memory)
            said = keep_picks(self.gradtop, [each for each in picked if each != name] if name in picked else [*picked, name])
            self.notify(said or f"{name} is {'no longer on' if name in picked else 'on'} the Overview")
            self.redraw()

    def copied(self) -> tuple[str, str]:
        chart = self.focused
        if isinstance(chart, LineChart) and chart.read:
            return f"{self.chart_name(chart)}: {', '.join(chart.read)}", "what the chart says"
        return super().copied()


def shape_for(size: Size) -> tuple[int, int]:
    """How many charts fit beside and below each other."""
    columns = max(1, min(3, size.width // LEAST[0]))
    return columns, max(1, min(MOST // columns, (size.height - 4) // LEAST[1]))


def count(shape: tuple[int, int]) -> int:
    return shape[0] * shape[1]


def title_line(part: MetricsPart, typed: str) -> TextLine:
    shown = f"{part.first + 1}–{part.first + len(part.curves)} of " if len(part.curves) < len(part.names) else ""
    words: list[tuple[str, str]] = [(" all metrics  ", "strong"), (f"{shown}{len(part.names)}", "text")]
    return [*words, (f" that match {typed!r} of {part.total}", "muted")] if typed else words
