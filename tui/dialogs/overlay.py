"""The curves of the marked runs over each other, over the list of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.message import Message
from textual.screen import ModalScreen

from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.analysis.significance import moments
from gradtop.trainer.record import Run
from gradtop.tui import keys
from gradtop.tui.format import ellipsis
from gradtop.tui.framework.chart_actions import ChartActions
from gradtop.tui.framework.mode_screen import bound
from gradtop.tui.reading.overlay import METRICS, Overlaid, OverlayPart, RunCurve, SeedGroup
from gradtop.tui.widgets.cells import Cells
from gradtop.tui.widgets.chart import Curve
from gradtop.tui.widgets.chart_legend import Legend
from gradtop.tui.widgets.chart_styles import LINES, TONE
from gradtop.tui.widgets.drawn import Drawn
from gradtop.tui.widgets.glyphs import draws_unicode
from gradtop.tui.widgets.line_chart import LineChart
from gradtop.tui.widgets.ruler import Ruler

EVERY = 2.0  # seconds between two looks at runs that go on
WIDE = 100  # cells, from which on two charts stand beside each other
HIGH = 30  # rows, below which one chart stands alone
MOST_NAMED = 4  # groups that the legends of the charts name; of more the list below alone tells
NAME, FIGURE = 34, 18  # cells in the list
OF_CHARTS = ("cursor.", "charts.")  # the keys of charts, by their ids
CLOSES = "esc closes"


class Overlay(ModalScreen[None], ChartActions):
    """Loss, validation loss and accuracy of the runs; read in the poll thread.

    `numbers` gives the colour and pattern of a run by its id: it keeps them while others come and go.
    """

    CSS_PATH = "overlay.tcss"
    AUTO_FOCUS = "LineChart"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back", id="overlay.back", tooltip="All charts again, else back to the list."),
        Binding("q,v", "dismiss(None)", "close", id="overlay.close", tooltip="Back to the list."),
        Binding("enter", "alone", "enlarge", id="overlay.alone", tooltip="Show the focused chart alone."),
        Binding("tab", "turn(1)", "next chart", id="overlay.next", tooltip="The next chart."),
        Binding("shift+tab", "turn(-1)", "previous chart", id="overlay.previous", tooltip="The previous chart."),
        *bound(row for row in keys.KEYS if row.id.startswith(OF_CHARTS)),
    ]

    class Read(Message):
        """What was found."""

        def __init__(self, found: OverlayPart) -> None:
            super().__init__()
            self.found = found

    def __init__(self, runs: Sequence[Run], numbers: Mapping[str, int] | None = None) -> None:
        super().__init__()
        self._runs = runs
        self._numbers = {run.id: number for number, run in enumerate(runs)} if numbers is None else numbers
        self._reading = self._alone = False
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
        pane.border_title = f"{len(self._runs)} run{'s' * (len(self._runs) != 1)}"
        for metric in METRICS:
            self._chart(metric).border_title = metric.replace("_", " ")
        self.recall()
        self._read()
        self.set_interval(EVERY, self._look_again)

    def _chart(self, metric: str) -> LineChart:
        return self.query_one(f"#overlay-{metric}", LineChart)

    def _look_again(self) -> None:
        if self.found is not None and self.found.any_alive and self.is_current:
            self._read()

    def _read(self) -> None:
        if self._reading:
            return
        self._reading = True
        poll, view = self.gradtop.poll, self.chart_view

        def read() -> None:
            self._overlaid = self._overlaid or Overlaid(self._runs, clock=poll.clock)
            self.post_message(self.Read(self._overlaid.read(view)))

        poll.do(read)

    def on_overlay_read(self, message: Read) -> None:
        self._reading = False
        if message.found.view != self.chart_view:
            self._read()
            return
        self.found = message.found
        if self.is_mounted:
            self._show(message.found)

    def _show(self, found: OverlayPart) -> None:
        quantity = found.view.quantity
        self._whole = found.ends
        first, last = self.span(found.ends[1])
        nothing = "none of these runs has recorded it" + ("" if quantity == "step" else f" over its {quantity}")
        for metric in METRICS:
            chart = self._chart(metric)
            chart.set_ruler(Ruler(quantity), self._smoothing)
            chart.set_empty(nothing if self.chart_view.window is None else "nothing recorded in this part")
            chart.set_series(curves(found.groups, metric, self._numbers), log=None, x_min=first, x_max=max(last, first + 1e-9))
        groups = self.query_one(Groups)
        groups.styles.height = min(len(found.groups) + 1, max(3, self.size.height // 4))
        groups.show(found.groups, self._numbers)

    def on_resize(self, event: events.Resize) -> None:
        self.query_one("#overlay").border_subtitle = self._keys(event.size.width - 8)
        self._arrange(self.pointed())

    def _arrange(self, pointed: LineChart | None) -> None:
        """All charts, or the one that is pointed at where that is wanted or there is no room for more."""
        alone = self._alone or self.size.height < HIGH
        self.set_class(self.size.width >= WIDE and not alone, "wide")
        for chart in self.query(LineChart):
            chart.display = not alone or chart is pointed
        if pointed is not None:
            self.set_focus(pointed)

    def action_turn(self, step: int) -> None:
        charts, now = list(self.query(LineChart)), self.pointed()
        if now is not None:
            self._arrange(charts[(charts.index(now) + step) % len(charts)])

    def action_alone(self) -> None:
        self._alone = not self._alone
        self._arrange(self.pointed())

    def action_back(self) -> None:
        if self._alone:
            self.action_alone()
        else:
            self.dismiss(None)

    def _keys(self, width: int) -> str:
        """As many of its keys as fit, with what closes it."""
        told = [f"{keys.name('next')} chart", *(f"{keys.in_bar(row)} {row.spare}" for row in keys.KEYS if row.spare and row.id.startswith(OF_CHARTS))]
        while told and len("  ".join((*told, CLOSES))) > width:
            told.pop()
        return "  ".join((*told, CLOSES))

    # The keys of charts

    def reread(self) -> None:
        self._read()

    def redraw(self) -> None:
        if self.found is not None:
            self._show(self.found)

    def action_quantity(self) -> None:
        # Each run has steps, epochs and a clock of its own: a place among those of one quantity is none among those of another.
        for chart in self.query(LineChart):
            chart.set_cursor(None)
        self.chart_view = replace(self.chart_view, window=None)
        super().action_quantity()


def style_of(number: int) -> tuple[str, str]:
    """Colour and pattern of a run, by its number: with each round of the colours they meet other patterns."""
    return LINES[number % len(LINES)], LINES[(number + number // len(LINES)) % len(LINES)]


def style_of_group(group: SeedGroup, numbers: Mapping[str, int]) -> tuple[str, str]:
    """That of its first run."""
    return style_of(numbers.get(group.curves[METRICS[0]][0].run.id, 0))


def curves(groups: Sequence[SeedGroup], metric: str, numbers: Mapping[str, int]) -> list[Curve]:
    """The lines of a chart: of seeds the mean with its deviation, and each run faintly."""
    named = len(groups) <= MOST_NAMED
    lines: list[Curve] = []
    for group in groups:
        style, pattern = style_of_group(group, numbers)
        label, text = (ellipsis(group.name, NAME), None) if named else ("", "")
        if group.is_family:
            lasts = [each.last for each in group.curves[metric] if each.last is not None]
            lines.append(Curve(label, group.means[metric], style, value=moments(lasts)[0] if lasts else None, text=text, pattern=pattern))
            lines += [Curve("", each.series, style, faint=True, pattern=pattern) for each in group.curves[metric]]
        else:
            (each,) = group.curves[metric]
            lines.append(Curve(label, each.series, style, value=each.last, text=text, pattern=pattern))
    return lines


class Groups(Drawn):
    """Each group with its line, and its newest values: of seeds their mean and sample deviation."""

    PALETTE = LineChart.PALETTE

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._groups: Sequence[SeedGroup] = ()
        self._numbers: Mapping[str, int] = {}

    def show(self, groups: Sequence[SeedGroup], numbers: Mapping[str, int]) -> None:
        self._groups, self._numbers = groups, numbers
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
            style, pattern = style_of_group(group, self._numbers)
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


def problem_of(group: SeedGroup) -> str:
    """What the loss lacks, run by run; of a run without it nothing else is said."""
    found = {f"{each.name}: {each.problem}" if group.is_family else each.problem: None for each in group.curves[METRICS[0]] if each.problem}
    return "; ".join(found)
