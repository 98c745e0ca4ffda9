"""The mode screens with charts: over steps, epochs or time, and over decades of something else."""

from __future__ import annotations

import math

from gradtop.tui.framework.chart_actions import ChartActions
from gradtop.tui.framework.mode_screen import ModeScreen
from gradtop.tui.reading.chart_view import NO_CLOCK, ChartView, Clock
from gradtop.tui.reading.snapshot import Facts
from gradtop.tui.widgets.line_chart import LineChart
from gradtop.tui.widgets.ruler import STEPS, Ruler


class ChartedScreen(ModeScreen, ChartActions):
    """`span` gives each chart its ends; `chart_view` is a part of what `view` gives."""

    def on_mount(self) -> None:
        self.recall()

    def reread(self) -> None:
        self.request_data()

    def redraw(self) -> None:
        self.show(self.snapshot)


class DecadesScreen(ChartedScreen):
    """The window of its charts is in decades of x."""

    def view(self) -> ChartView:
        return self.chart_view

    def along(self, x: float) -> float:
        return math.log10(x)


class StepsScreen(ChartedScreen):
    """`prepare` gives each chart what stands along its bottom."""

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
