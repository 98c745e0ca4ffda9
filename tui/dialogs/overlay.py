"""The curves of the marked runs over each other, over the list of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.message import Message

from gradtop.trainer.record import Run
from gradtop.trainer.record.streams.registry import LR
from gradtop.tui import keys
from gradtop.tui.dialogs.overlay_groups import Groups, curves, end_of_curves, said
from gradtop.tui.framework.chart_actions import ChartActions
from gradtop.tui.framework.dialog import Dialog
from gradtop.tui.framework.mode_screen import bound
from gradtop.tui.framework.name_filter import NameFilter
from gradtop.tui.mode import Key
from gradtop.tui.reading.chart_view import OF_SEVERAL_RUNS
from gradtop.tui.reading.overlay import METRICS, Overlaid, OverlayPart, OverlayView
from gradtop.tui.widgets.line_chart import LineChart
from gradtop.tui.widgets.ruler import Ruler

EVERY = 2.0  # seconds between two looks at runs that go on
WIDE = 100  # cells, from which on two charts stand beside each other
HIGH = 30  # rows, below which one chart stands alone
OF_CHARTS = ("cursor.", "charts.")  # the keys of charts, by their ids
CLOSES = "esc closes"
MOST = 6  # charts
CLOSEST = 200.0  # times, over anything but steps: a run may take a second, or one epoch
LEAST = 1e-12  # width of a chart, as a share of what stands at its beginning: a time of day in seconds has nine digits before the point
OWN = (
    Key("escape", "screen.back", "overlay.back", "back", "The usual metrics, or all charts again; else back to the list."),
    Key("q,v", "screen.dismiss(None)", "overlay.close", "close", "Back to the list."),
    Key("slash", "screen.filter", "overlay.filter", "metrics", "Draw the metrics whose names match what you type, letter by letter, of all that the runs have recorded."),
    Key("pagedown,ctrl+d", "screen.page(1)", "overlay.pagedown", "page down", "The next metrics that match.", shown="pgdn"),
    Key("pageup,ctrl+u", "screen.page(-1)", "overlay.pageup", "page up", "The metrics before these.", shown="pgup"),
    Key("enter", "screen.alone", "overlay.alone", "enlarge", "Show the focused chart alone."),
    Key("tab", "screen.turn(1)", "overlay.next", "next chart", "The next chart."),
    Key("shift+tab", "screen.turn(-1)", "overlay.previous", "previous chart", "The previous chart."),
    Key("down,j", "screen.choose(1)", "overlay.down", "next run", "Choose the next run, or family of seeds, in the list below the charts."),
    Key("up,k", "screen.choose(-1)", "overlay.up", "previous run", "Choose the previous one."),
    Key("m", "screen.hide", "overlay.hide", "hide", "Hide the chosen run, or show it again; colours stay."),
    Key("u", "screen.show_all", "overlay.show_all", "show all", "Show all runs again."),
    Key("question_mark", "screen.help", "overlay.help", "help", "Show this help."),
)

IN_LINE = frozenset({"overlay.filter", "overlay.hide", "overlay.help"})  # named below the charts


class Overlay(Dialog[None], ChartActions):
    """Loss, validation loss and accuracy of the runs, or the metrics whose names match what is typed; read in the poll thread.

    `numbers` gives the colour and pattern of a run by its id: it keeps them while others come and go.
    """

    CSS_PATH = "overlay.tcss"
    AUTO_FOCUS = "LineChart"
    QUANTITIES = OF_SEVERAL_RUNS
    BINDINGS: ClassVar[list[BindingType]] = bound((*OWN, *(row for row in keys.KEYS if row.id.startswith(OF_CHARTS))))

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
        self._typed, self._first = "", 0
        self._metrics: tuple[str, ...] = METRICS  # in the charts
        self._overlaid: Overlaid | None = None
        self.found: OverlayPart | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="overlay"):
            with Container(id="overlaid"):
                for number in range(MOST):
                    yield LineChart(id=f"overlay-{number}", empty="reading …")
            yield Groups(id="groups")
            yield NameFilter()

    def on_mount(self) -> None:
        self.recall()
        self._name_charts()
        self._read()
        self.set_interval(EVERY, self._look_again)

    def chart_name(self, chart: LineChart) -> str:
        place = int(str(chart.id).rpartition("-")[2])
        return f"overlay-{self._metrics[place]}" if place < len(self._metrics) else ""

    def _name_charts(self) -> None:
        for chart, metric in zip(self.query(LineChart), self._metrics, strict=False):
            chart.border_title = said(metric)
            self.recall_axis(chart)
        shown = f"{self._first + 1}–{self._first + len(self._metrics)} of " if self.found is not None and self.found.total > len(self._metrics) else ""
        matching = f"  {shown}{self.found.total} metrics that match {self._typed!r}" if self._typed and self.found is not None else ""
        self.query_one("#overlay").border_title = f"{len(self._runs)} run{'s' * (len(self._runs) != 1)}{matching}"

    def _look_again(self) -> None:
        if self.found is not None and self.found.any_alive and self.is_current:
            self._read()

    def _view(self) -> OverlayView:
        return OverlayView(self.chart_view, self._typed, self._first, MOST)

    def _read(self) -> None:
        if self._reading:
            return
        self._reading = True
        poll, view = self.gradtop.poll, self._view()

        def read() -> None:
            self._overlaid = self._overlaid or Overlaid(self._runs, clock=poll.clock)
            self.post_message(self.Read(self._overlaid.read(view)))

        poll.do(read)

    def on_overlay_read(self, message: Read) -> None:
        self._reading = False
        if message.found.view != self._view():
            self._read()
            return
        self.found = message.found
        if not self.is_mounted:
            return
        changed = self._metrics != message.found.metrics
        self._metrics = message.found.metrics
        self._name_charts()
        if changed:
            self._arrange(self.pointed())
        self._show(message.found)

    def _show(self, found: OverlayPart) -> None:
        seen = found.view.seen
        self._whole = found.ends
        groups = self.query_one(Groups)
        groups.styles.height = min(len(found.groups) + 1, max(3, self.size.height // 4))
        groups.show(found, self._numbers)
        shown = groups.shown
        first, last = self.span(found.ends[1] if len(shown) == len(found.groups) else end_of_curves(shown))
        nothing = "none of these runs has recorded it" + ("" if seen.quantity == "step" else f" over {'the clock' if seen.quantity == 'clock' else f'its {seen.quantity}'}")
        for chart, metric in zip(self.query(LineChart), found.metrics, strict=False):
            chart.set_ruler(Ruler(seen.quantity), self._smoothing)
            chart.set_empty(nothing if seen.window is None else "nothing recorded in this part")
            chart.set_series(curves(shown, metric, self._numbers), log=False if metric == LR else None, x_min=first, x_max=max(last, first + LEAST * max(1.0, abs(first))))

    def on_resize(self, event: events.Resize) -> None:
        self.query_one("#overlay").border_subtitle = self._keys(event.size.width - 8)
        self._arrange(self.pointed())

    def _arrange(self, pointed: LineChart | None) -> None:
        """All charts, or the one that is pointed at where that is wanted or there is no room for more."""
        alone, there = self._alone or self.size.height < HIGH, len(self._metrics)
        if pointed is None or not self.chart_name(pointed):
            pointed = next(iter(self.query(LineChart)))
        self.set_class(self.size.width >= WIDE and not alone, "wide")
        self.set_class(there % 2 == 1, "odd")
        for place, chart in enumerate(self.query(LineChart)):
            chart.display = place < there and (not alone or chart is pointed)
        if not self.query_one("#typed").display:
            self.set_focus(pointed)

    def action_turn(self, step: int) -> None:
        charts, now = list(self.query(LineChart))[: len(self._metrics)], self.pointed()
        if now in charts:
            self._arrange(charts[(charts.index(now) + step) % len(charts)])

    def action_alone(self) -> None:
        self._alone = not self._alone
        self._arrange(self.pointed())

    def action_back(self) -> None:
        if (typed := self.query_one(NameFilter)).is_used:
            typed.close(clear=True)
        elif self._alone:
            self.action_alone()
        else:
            self.dismiss(None)

    def action_help(self) -> None:
        from gradtop.tui.dialogs.help import Help

        of_charts = [row for row in keys.KEYS if row.id.startswith(OF_CHARTS)]
        self.app.push_screen(Help("the overlay", "The marked runs drawn over each other; runs that differ in the seed alone as their mean with a band of one deviation.", [("overlay", OWN), ("charts", of_charts)]))

    # Which runs

    def action_choose(self, rows: int) -> None:
        self.query_one(Groups).choose(rows)
        self.refresh_bindings()

    def action_hide(self) -> None:
        self.query_one(Groups).hide()
        self.redraw()

    def action_show_all(self) -> None:
        self.query_one(Groups).show_all()
        self.redraw()

    # Which metrics

    def action_filter(self) -> None:
        self.query_one(NameFilter).open()

    def on_name_filter_typed(self, message: NameFilter.Typed) -> None:
        self._typed, self._first = message.text, 0
        self._read()

    def on_name_filter_closed(self) -> None:
        self._arrange(None)

    def action_page(self, pages: int) -> None:
        """The next metrics that match, or the ones before."""
        most = self.found.total if self.found is not None else 0
        first = max(0, min(self._first + pages * MOST, (most - 1) // MOST * MOST))
        if first != self._first:
            self._first = first
            self._read()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "page":
            return True if self.found is not None and self.found.total > MOST else None
        if action == "show_all":
            return True if self.is_mounted and self.query_one(Groups).hides_any else None
        return super().check_action(action, parameters)

    def _keys(self, width: int) -> str:
        """As many of its keys as fit, with what closes it."""
        own = [f"{row.name} {row.label}" for row in OWN if row.id in IN_LINE]
        told = [*own, f"{keys.name('next')} chart", *(f"{keys.in_bar(row)} {row.spare}" for row in keys.KEYS if row.spare and row.id.startswith(OF_CHARTS))]
        while told and len("  ".join((*told, CLOSES))) > width:
            told.pop()
        return "  ".join((*told, CLOSES))

    # The keys of charts

    def reread(self) -> None:
        self._read()

    def least_seen(self) -> float:
        # Its window is of what is drawn over, and not of steps.
        return super().least_seen() if self.chart_view.quantity == "step" else (self._whole[1] - self._whole[0]) / CLOSEST

    def redraw(self) -> None:
        if self.found is not None:
            self._show(self.found)

    def action_quantity(self) -> None:
        # Each run has steps, epochs and a clock of its own: a place among those of one quantity is none among those of another.
        for chart in self.query(LineChart):
            chart.set_cursor(None)
        self.chart_view = self.chart_view._replace(window=None)
        super().action_quantity()
