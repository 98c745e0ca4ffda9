"""What the keys and the mouse do to charts, on whatever screen they stand: one cursor, one window, one smoothing for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.screen import Screen

from gradtop.trainer.analysis import formatting
from gradtop.tui.framework import toasts
from gradtop.tui.framework.painting import paint
from gradtop.tui.reading.chart_view import LEAST, QUANTITIES, WHOLE_RUN, Quantity, Window
from gradtop.tui.widgets.cells import collected
from gradtop.tui.widgets.line_chart import LineChart

if TYPE_CHECKING:
    from gradtop.tui.app import GradtopApp

SMOOTHING = (0.0, 0.6, 0.9, 0.97, 0.99)  # decay per recorded step
CHART_ACTIONS = ("read", "zoom_steps", "pan", "all_steps", "log_axis", "quantity", "smooth")


class ChartActions(Screen[None]):
    """`chart_view` is what is seen; `reread` asks for curves in another window, `redraw` draws in another way what is known."""

    paints_cursors: ClassVar[bool] = True
    LEAST_SEEN: ClassVar[float] = LEAST  # how close a window comes, in steps or whatever its ends are
    QUANTITIES: ClassVar[tuple[Quantity, ...]] = QUANTITIES

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.chart_view = WHOLE_RUN
        self._smoothing = 0.0
        self._whole = (0.0, 1.0)

    @property
    def gradtop(self) -> GradtopApp:
        return cast("GradtopApp", self.app)

    # What a screen fills in

    def reread(self) -> None:
        """Read what is to be seen now."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Show what is known again, drawn in another way."""
        raise NotImplementedError

    def along(self, x: float) -> float:
        """Where an x of the charts lies in the window."""
        return x

    def least_seen(self) -> float:
        """How close the window comes."""
        return self.LEAST_SEEN

    def charts(self) -> Sequence[LineChart]:
        """Those that are seen, in their order."""
        # Asked for with each of a chart's keys whenever the key bar looks what acts: Textual's query (8.2) matches selectors, and takes ten times as long.
        return [chart for chart in self.walk_children(LineChart) if chart.display]

    def pointed(self) -> LineChart | None:
        """The chart that the keys mean: the one that has the focus, else the first."""
        charts = self.charts()
        return next((chart for chart in charts if chart.has_focus), charts[0] if charts else None)

    def chart_name(self, chart: LineChart) -> str:
        """What its axis is remembered by."""
        return str(chart.id)

    def recall(self) -> None:
        """Draw as was last chosen: over which quantity, how smooth, and each chart on its axis. To be called on mount."""
        memory = self.gradtop.memory
        quantity = memory.get("charts.quantity")
        known: Quantity = "time" if quantity == "clock" else "step"
        self.chart_view = self.chart_view._replace(quantity=next((each for each in self.QUANTITIES if each == quantity), known))
        self._smoothing = next((each for each in SMOOTHING if f"{each}" == memory.get("charts.smoothing")), 0.0)
        for chart in self.query(LineChart):
            self.recall_axis(chart)

    def recall_axis(self, chart: LineChart) -> None:
        """Give a chart the axis that was last chosen for what it shows."""
        chart.own_log = {"log": True, "linear": False}.get(self.gradtop.memory.get(f"charts.axis.{self.chart_name(chart)}"))

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
        with collected() as changed:
            for chart in self.walk_children(LineChart):
                if chart is not message.chart:
                    chart.set_cursor(message.chart.cursor_x)
        paint(self, changed | message.changed)

    # The window

    def on_line_chart_wheeled(self, message: LineChart.Wheeled) -> None:
        self._zoom(message.factor, message.step)

    def action_zoom_steps(self, factor: float) -> None:
        chart = self.pointed()
        self._zoom(factor, chart.cursor_x if chart is not None else None)

    def _zoom(self, factor: float, at: float | None) -> None:
        now = self.chart_view.window or Window(*self._whole)
        self._look(now.zoomed(factor, self._whole, None if at is None else self.along(at), self.least_seen()))

    def action_pan(self, quarters: int) -> None:
        if self.chart_view.window is not None:
            self._look(self.chart_view.window.panned(quarters / 4, self._whole))

    def action_all_steps(self) -> None:
        self._look(None)

    def _look(self, window: Window | None) -> None:
        if window != self.chart_view.window:
            self.chart_view = self.chart_view._replace(window=window)
            self.reread()
            self.refresh_bindings()

    # How it is drawn

    def action_log_axis(self) -> None:
        if (chart := self.pointed()) is not None:
            chart.own_log = not chart.is_log
            self.gradtop.remember(f"charts.axis.{self.chart_name(chart)}", "log" if chart.own_log else "linear")
            self.redraw()

    def action_quantity(self) -> None:
        now = self.QUANTITIES.index(self.chart_view.quantity)
        quantity = self.QUANTITIES[(now + 1) % len(self.QUANTITIES)]
        self.chart_view = self.chart_view._replace(quantity=quantity)
        self.gradtop.remember("charts.quantity", quantity)
        self.reread()
        self.redraw()

    def action_smooth(self) -> None:
        self._smoothing = SMOOTHING[(SMOOTHING.index(self._smoothing) + 1) % len(SMOOTHING)]
        self.gradtop.remember("charts.smoothing", f"{self._smoothing}")
        weight = f"{formatting.significant(self._smoothing)} per step; the recorded values stay dim" if self._smoothing else "off"
        self.notify(f"{toasts.SMOOTHING}{weight}")
        self.redraw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in CHART_ACTIONS and not self.charts():
            return False
        if action in {"pan", "all_steps"}:
            return True if self.chart_view.window is not None else None
        return super().check_action(action, parameters)
