"""The curves of the marked runs over each other, over the list of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.message import Message
from textual.screen import ModalScreen

from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.analysis.significance import moments
from gradtop.trainer.record import Run
from gradtop.tui.format import ellipsis
from gradtop.tui.reading.chart_view import QUANTITIES, Quantity
from gradtop.tui.reading.overlay import METRICS, Group, Overlaid, OverlayPart, RunCurve
from gradtop.tui.widgets.cells import Cells
from gradtop.tui.widgets.chart import Curve
from gradtop.tui.widgets.chart_legend import Legend
from gradtop.tui.widgets.chart_styles import LINES, TONE
from gradtop.tui.widgets.drawn import Drawn
from gradtop.tui.widgets.glyphs import draws_unicode
from gradtop.tui.widgets.line_chart import LineChart
from gradtop.tui.widgets.ruler import Ruler

if TYPE_CHECKING:
    from gradtop.tui.app import GradtopApp

EVERY = 2.0  # seconds between two looks at runs that go on
WIDE = 100  # cells, from which on two charts stand beside each other
MOST_NAMED = 4  # groups that the legends of the charts name; of more the list below alone tells
NAME, FIGURE = 34, 18  # cells in the list


class Overlay(ModalScreen[None]):
    """Loss, validation loss and accuracy of the runs; read in the poll thread."""

    CSS_PATH = "overlay.tcss"
    AUTO_FOCUS = "LineChart"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,v", "dismiss(None)", "back", id="overlay.back", tooltip="Back to the list."),
        Binding("t", "quantity", "step/epoch/time", id="overlay.quantity", tooltip="Draw charts over steps, epochs or time."),
        Binding("Y", "log_axis", "log axis", id="overlay.log", tooltip="Switch the focused chart between linear and logarithmic axis."),
    ]

    class Read(Message):
        """What was found."""

        def __init__(self, found: OverlayPart) -> None:
            super().__init__()
            self.found = found

    def __init__(self, runs: Sequence[Run]) -> None:
        super().__init__()
        self._runs = runs
        self._quantity: Quantity = "step"
        self._reading = False
        self._overlaid: Overlaid | None = None
        self.found: OverlayPart | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="overlay"):
            with Container(id="overlaid"):
                for metric in METRICS:
                    yield LineChart(id=f"overlay-{metric}", empty="reading …")
            yield Groups(id="groups")

    def on_mount(self) -> None:
        pane = self.query_one("#overlay")
        pane.border_title, pane.border_subtitle = f"{len(self._runs)} runs", "←→ read  tab next chart  t step/epoch/time  Y log axis  esc closes"
        for metric in METRICS:
            self._chart(metric).border_title = metric.replace("_", " ")
        memory = self._gradtop.memory.get("charts.quantity")
        self._quantity = next((each for each in QUANTITIES if each == memory), "step")
        self._read()
        self.set_interval(EVERY, self._look_again)

    @property
    def _gradtop(self) -> GradtopApp:
        return cast("GradtopApp", self.app)

    def _chart(self, metric: str) -> LineChart:
        return self.query_one(f"#overlay-{metric}", LineChart)

    def _look_again(self) -> None:
        if self.found is not None and self.found.any_alive and self.is_current:
            self._read()

    def _read(self) -> None:
        if self._reading:
            return
        self._reading = True
        poll, quantity = self._gradtop.poll, self._quantity

        def read() -> None:
            self._overlaid = self._overlaid or Overlaid(self._runs, clock=poll.clock)
            self.post_message(self.Read(self._overlaid.read(quantity)))

        poll.do(read)

    def on_overlay_read(self, message: Read) -> None:
        self._reading = False
        if message.found.quantity != self._quantity:
            self._read()
            return
        self.found = message.found
        if self.is_mounted:
            self._show(message.found)

    def _show(self, found: OverlayPart) -> None:
        every = [each.series for group in found.groups for there in group.curves.values() for each in there if len(each.series.x)]
        first, last = min((each.first for each in every), default=0.0), max((each.last for each in every), default=1.0)
        for metric in METRICS:
            chart = self._chart(metric)
            chart.set_ruler(Ruler(found.quantity))
            chart.set_empty("none of these runs has recorded it" if found.quantity == "step" else f"none of these runs has recorded it over its {found.quantity}")
            chart.set_series(curves(found.groups, metric), log=None, x_min=first, x_max=max(last, first + 1e-9))
        groups = self.query_one(Groups)
        groups.styles.height = min(len(found.groups) + 1, max(3, self.size.height // 3))
        groups.show(found.groups)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE, "wide")

    def on_line_chart_cursor_moved(self, message: LineChart.CursorMoved) -> None:
        for chart in self.query(LineChart):
            if chart is not message.chart:
                chart.set_cursor(message.chart.cursor_x)

    def action_quantity(self) -> None:
        self._quantity = QUANTITIES[(QUANTITIES.index(self._quantity) + 1) % len(QUANTITIES)]
        self._gradtop.remember("charts.quantity", self._quantity)
        for chart in self.query(LineChart):
            chart.set_cursor(None)
        self._read()

    def action_log_axis(self) -> None:
        chart = self.focused if isinstance(self.focused, LineChart) else self.query(LineChart).first()
        chart.own_log = not chart.is_log
        if self.found is not None:
            self._show(self.found)


def style_of(number: int) -> tuple[str, str]:
    """Colour and pattern of a group, by its place: with each round of the colours they meet other patterns."""
    return LINES[number % len(LINES)], LINES[(number + number // len(LINES)) % len(LINES)]


def curves(groups: Sequence[Group], metric: str) -> list[Curve]:
    """The lines of a chart, the first group on top: of seeds the mean with its deviation, and each run faintly."""
    named = len(groups) <= MOST_NAMED
    lines: list[Curve] = []
    for number, group in enumerate(groups):
        style, pattern = style_of(number)
        label, text = (ellipsis(group.name, NAME), None) if named else ("", "")
        if group.is_family:
            lasts = [each.last for each in group.curves[metric] if each.last is not None]
            lines.append(Curve(label, group.means[metric], style, value=moments(lasts)[0] if lasts else None, text=text, pattern=pattern))
            lines += [Curve("", each.series, style, faint=True, pattern=pattern) for each in group.curves[metric]]
        else:
            (each,) = group.curves[metric]
            lines.append(Curve(label, each.series, style, value=each.last, text=text, pattern=pattern))
    return lines[::-1]


class Groups(Drawn):
    """Each group with its line, and its newest values: of seeds their mean and sample deviation."""

    PALETTE = LineChart.PALETTE

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._groups: Sequence[Group] = ()

    def show(self, groups: Sequence[Group]) -> None:
        self._groups = groups
        self._draw()

    def _lay_out(self, width: int, height: int) -> list[Cells]:
        legend = Legend(unicode=draws_unicode(self))
        name = max(10, min(NAME, width - 4 - len(METRICS) * FIGURE))
        head = Cells(width)
        for place, metric in enumerate(METRICS):
            put(head, 4 + name + place * FIGURE, metric.replace("_", " ").rjust(FIGURE), "tick")
        rows = [head]
        for number, group in enumerate(self._groups):
            if len(rows) == height:
                more = Cells(width)
                put(more, 4, f"and {len(self._groups) - number + 1} more", "tick")
                rows[-1] = more
                break
            style, pattern = style_of(number)
            row = Cells(width)
            put(row, 0, legend.sample(Curve("", group.curves[METRICS[0]][0].series, style, pattern=pattern)), style)
            put(row, 4, ellipsis(group.name, name), "text")
            for place, metric in enumerate(METRICS):
                put(row, 4 + name + place * FIGURE, newest(group.curves[metric]).rjust(FIGURE), "value")
            if problem := problem_of(group):
                put(row, 5 + name + len(METRICS) * FIGURE, problem, "tick")
            rows.append(row)
        return rows


def put(row: Cells, x: int, text: str, tone: str) -> None:
    room = len(row.text) - x
    if room > 0:
        row.put(x, ellipsis(text, room), TONE[tone])


def newest(found: Sequence[RunCurve]) -> str:
    """The newest value, or mean ± sample deviation over the seeds that have one."""
    values = [each.last for each in found if each.last is not None]
    if len(values) < 2:
        return significant(values[0]) if values else "–"
    return " ± ".join(map(significant, moments(values)))


def problem_of(group: Group) -> str:
    """What the loss lacks, run by run; of a run without it nothing else is said."""
    found = {f"{each.name}: {each.problem}" if group.is_family else each.problem: None for each in group.curves[METRICS[0]] if each.problem}
    return "; ".join(found)
