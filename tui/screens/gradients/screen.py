"""3 Gradients: one row per parameter, what is wrong with it, and one parameter in a large chart."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult

from gradtop.trainer.record.streams.registry import shown_by
from gradtop.tui.framework.chart_actions import CHART_ACTIONS
from gradtop.tui.framework.charted import StepsScreen
from gradtop.tui.framework.lines import Lines, TextLine
from gradtop.tui.framework.mode_screen import bindings
from gradtop.tui.framework.notices import no_run_text
from gradtop.tui.reading.chart_view import WHOLE_RUN
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.screens.gradients.data import (
    SORTS,
    GradientRow,
    GradientsPart,
    GradientsView,
    ParameterCurves,
    ordered,
    read_gradients,
)
from gradtop.tui.screens.gradients.text import (
    columns,
    detail,
    gradient_cells,
    health_summary,
    health_text,
    norm_text,
    parameter_title,
    reading,
    spark_width,
    waiting_for,
)
from gradtop.tui.widgets.chart import Curve
from gradtop.tui.widgets.line_chart import LineChart
from gradtop.tui.widgets.table import Table


class Gradients(StepsScreen):
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
        self._spark = 0

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
            self.explain("" if snapshot.facts.run else no_run_text())
            return
        self.explain("")
        if self.focused is None:
            self.set_focus(self.chart if self._chart else self.table)
        self.table.set_empty(waiting_for(snapshot.facts, part))
        named = {row.name: row for row in part.rows}
        changed, self._rows = named.keys() != self._rows.keys(), named
        if changed or self._spark > spark_width(tuple(named.values()), self.size.width):  # a finding longer than those before; a shorter one moves nothing
            self._set_columns()
        if self._chart and self._chart not in named:
            self._leave_chart()
        self._fill()

    def _fill(self) -> None:
        named, width, part = self._rows, self._spark, self.snapshot.part
        rows = ordered(tuple(named.values()), self._sort, self.table.filter, reverse=self._reverse)
        end = part.end if isinstance(part, GradientsPart) else 1.0
        self.table.set_sorted(self._sort, descending=(self._sort != "depth") != self._reverse)
        # Of these very rows: the table draws them once more where its columns change, and those of another run have come by then.
        self.table.show([row.name for row in rows], lambda key: gradient_cells(named[key], width, end), total=len(named))
        self._draw_chart()
        self._say()

    def _draw_chart(self) -> None:
        row, part = self._rows.get(self._chart), self.snapshot.part
        if row is None or not isinstance(part, GradientsPart):
            return
        # Until the large curves are read, the small ones are there.
        curves = part.curves if part.curves.name == row.name else ParameterCurves(row.name, row.over_time, end=part.step or 1.0)
        facts = self.snapshot.facts
        self.prepare(facts, curves.clock, (float(facts.status.began), curves.end), float(facts.status.step))
        first, last = self.span(curves.end)
        self.chart.set_series([Curve("", curves.norm, "c")], log=True, marks=curves.marks, x_min=first, x_max=last)
        place = f"{self.table.keys.index(row.name) + 1} of {len(self.table.keys)}" if row.name in self.table.keys else ""
        self.query_one("#title", Lines).show([parameter_title(row, place)])

    def _say(self) -> None:
        row = self._rows.get(self._chart or self.table.key)
        self.query_one("#detail", Lines).show([detail(row)] if row is not None else [])
        part = self.snapshot.part
        step, unmeasured = (part.step, part.unmeasured) if isinstance(part, GradientsPart) else (None, "")
        words = self._reading() if self._chart else health_summary(tuple(self._rows.values()), self._sort, step, unmeasured)
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

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self._set_columns()
        self._fill()

    def _set_columns(self) -> None:
        rows, width = tuple(self._rows.values()), self.size.width
        self._spark = spark_width(rows, width)
        self.table.set_columns(columns(rows, width, self._spark))

    def copied(self) -> tuple[str, str]:
        row = self._rows.get(self._chart or self.table.key)
        if row is None:
            return super().copied()
        if self._chart and self.chart.cursor_x is not None:
            return f"{row.shown}: {''.join(text for text, _tone in self._reading()).strip()}", "what is under the line"
        now = "–" if row.now is None else norm_text(row.now)
        return f"{row.shown} {now} {health_text(row.health)}", "name, norm and finding"
