"""The mode screen with charts over steps: one cursor, one window and one quantity along the bottom for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradtop.trainer.analysis import formatting
from gradtop.tui.framework.mode_screen import ModeScreen
from gradtop.tui.reading.chart_view import NO_CLOCK, QUANTITIES, WHOLE_RUN, Clock, Quantity, Window
from gradtop.tui.reading.snapshot import Facts
from gradtop.tui.widgets.line_chart import LineChart
from gradtop.tui.widgets.ruler import STEPS, Ruler

SMOOTHING = (0.0, 0.6, 0.9, 0.97, 0.99)  # decay per recorded step
CHART_ACTIONS = ("read", "zoom_steps", "pan", "all_steps", "log_axis", "quantity", "smooth")


class ChartedScreen(ModeScreen):
    """`span` gives each chart its ends, `set_ruler` what stands along its bottom; `chart_view` is a part of what `view` gives."""

    def __init__(self) -> None:
        super().__init__()
        self.chart_view = WHOLE_RUN
        self._smoothing = 0.0
        self._whole = (0.0, 1.0)

    # What a mode fills in

    def charts(self) -> Sequence[LineChart]:
        """Those that are seen, in their order."""
        return [chart for chart in self.query(LineChart) if chart.display]

    def pointed(self) -> LineChart | None:
        """The chart that the keys mean: the one that has the focus, else the first."""
        charts = self.charts()
        return next((chart for chart in charts if chart.has_focus), charts[0] if charts else None)

    def chart_name(self, chart: LineChart) -> str:
        """What its axis is remembered by."""
        return str(chart.id)

    # For `show`

    def on_mount(self) -> None:
        memory = self.gradtop.memory
        quantity = memory.get("charts.quantity")
        self.chart_view = replace(self.chart_view, quantity=next((each for each in QUANTITIES if each == quantity), "step"))
        self._smoothing = next((each for each in SMOOTHING if f"{each}" == memory.get("charts.smoothing")), 0.0)
        for chart in self.query(LineChart):
            self.recall_axis(chart)

    def recall_axis(self, chart: LineChart) -> None:
        """Give a chart the axis that was last chosen for what it shows."""
        chart.own_log = {"log": True, "linear": False}.get(self.gradtop.memory.get(f"charts.axis.{self.chart_name(chart)}"))

    def prepare(self, facts: Facts, clock: Clock, whole: tuple[float, float], newest: float) -> None:
        """Before the charts are given their curves: what the run is, from where to where the axis goes, and the newest step of it."""
        self._whole = (whole[0], max(newest, whole[0] + 1))
        window = self.chart_view.window
        if window is not None and (followed := window.followed(newest)) != window:
            self._look(followed)
        ruler = self._ruler(facts, clock)
        for chart in self.query(LineChart):
            chart.set_ruler(ruler, self._smoothing)

    def _ruler(self, facts: Facts, clock: Clock) -> Ruler:
        quantity, per_epoch = self.chart_view.quantity, facts.status.steps_per_epoch
        if quantity == "epoch" and per_epoch:
            return Ruler("epoch", (0.0, float(per_epoch)), (0.0, 1.0))
        return Ruler("time", clock.steps, clock.seconds) if quantity == "time" and clock is not NO_CLOCK else STEPS

    def span(self, end: float) -> tuple[float, float]:
        """The ends of a chart that would go to `end`, with the window that somebody looks through."""
        window = self.chart_view.window
        return (self._whole[0], end) if window is None else (window.first, window.last)

    # The cursor

    def action_read(self, cells: int) -> None:
        """Arrow keys: the chart that is pointed at reads, the others follow."""
        if (chart := self.pointed()) is not None:
            self.set_focus(chart)
            chart.action_cursor(cells)

    def on_line_chart_cursor_moved(self, message: LineChart.CursorMoved) -> None:
        for chart in self.query(LineChart):
            if chart is not message.chart:
                chart.set_cursor(message.chart.cursor_x)

    # The window

    def on_line_chart_wheeled(self, message: LineChart.Wheeled) -> None:
        self._zoom(message.factor, message.step)

    def action_zoom_steps(self, factor: float) -> None:
        chart = self.pointed()
        self._zoom(factor, chart.cursor_x if chart is not None else None)

    def _zoom(self, factor: float, at: float | None) -> None:
        now = self.chart_view.window or Window(*self._whole)
        self._look(now.zoomed(factor, self._whole, at))

    def action_pan(self, quarters: int) -> None:
        if self.chart_view.window is not None:
            self._look(self.chart_view.window.panned(quarters / 4, self._whole))

    def action_all_steps(self) -> None:
        self._look(None)

    def _look(self, window: Window | None) -> None:
        if window != self.chart_view.window:
            self.chart_view = replace(self.chart_view, window=window)
            self.request_data()
            self.refresh_bindings()

    # How it is drawn

    def action_log_axis(self) -> None:
        if (chart := self.pointed()) is not None:
            chart.own_log = not chart.is_log
            self.gradtop.remember(f"charts.axis.{self.chart_name(chart)}", "log" if chart.own_log else "linear")
            self.redraw()

    def action_quantity(self) -> None:
        now = QUANTITIES.index(self.chart_view.quantity)
        quantity: Quantity = QUANTITIES[(now + 1) % len(QUANTITIES)]
        self.chart_view = replace(self.chart_view, quantity=quantity)
        self.gradtop.remember("charts.quantity", quantity)
        self.request_data()
        self.redraw()

    def action_smooth(self) -> None:
        self._smoothing = SMOOTHING[(SMOOTHING.index(self._smoothing) + 1) % len(SMOOTHING)]
        self.gradtop.remember("charts.smoothing", f"{self._smoothing}")
        weight = f"{formatting.significant(self._smoothing)} per step; the recorded values stay dim" if self._smoothing else "off"
        self.notify(f"smoothing: {weight}")
        self.redraw()

    def redraw(self) -> None:
        """Show what is known again, drawn in another way."""
        self.show(self.snapshot)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in CHART_ACTIONS and not self.charts():
            return False
        if action in {"pan", "all_steps"}:
            return True if self.chart_view.window is not None else None
        return super().check_action(action, parameters)
