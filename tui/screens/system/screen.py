"""9 System: what the run takes of its machine, and what else goes on there."""

from __future__ import annotations

import math
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Container

from gradtop.trainer.record.streams.registry import (
    CPU,
    GPU_MEMORY,
    GPU_USE,
    HOST_CPU,
    HOST_MEMORY,
    MEMORY,
    SAMPLES_PER_S,
    shown_by,
)
from gradtop.tui.framework.lines import Lines
from gradtop.tui.framework.mode_screen import bindings
from gradtop.tui.framework.notices import no_run_text
from gradtop.tui.framework.paned import PanedScreen
from gradtop.tui.reading.chart_view import ChartView
from gradtop.tui.reading.snapshot import Facts, Snapshot
from gradtop.tui.screens.system.data import SystemPart, read_system
from gradtop.tui.screens.system.text import gpu_lines, host_lines, monitoring_lines, run_lines
from gradtop.tui.widgets.chart import Curve
from gradtop.tui.widgets.line_chart import LineChart

WORDS = {"run": "this run", "host": "its host", "gpu": "GPU", "monitoring": "monitoring"}
CHARTS = {"rate": "samples per second", "processor": "processor, 100 % is one core", "memory": "memory, GiB", "gpu-use": "GPU use, %"}
OF_GPU = frozenset({"gpu", "gpu-use"})


class System(PanedScreen):
    """Panes of words and charts; those of a GPU only where the run trains on one."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("system")
    PANES = ("run", "host", "gpu", "monitoring", "rate", "processor", "memory", "gpu-use")
    MOST = 4
    mode = "system"
    streams = shown_by(mode)
    read = staticmethod(read_system)

    def __init__(self) -> None:
        super().__init__()
        self._left_out: frozenset[str] = OF_GPU

    @property
    def panes(self) -> Sequence[str]:
        return [name for name in self.PANES if name not in self._left_out]

    def body(self) -> ComposeResult:
        with Container(id="panes"):
            for name in self.PANES:
                pane = Words(id=name) if name in WORDS else LineChart(id=name)
                pane.border_title = WORDS.get(name) or CHARTS[name]
                yield pane

    def view(self) -> ChartView:
        return self.chart_view

    def show(self, snapshot: Snapshot) -> None:
        part, facts = snapshot.part, snapshot.facts
        if facts.run is None or not isinstance(part, SystemPart):
            self.explain("" if facts.run else no_run_text())
            return
        self.explain("")
        words = {"run": run_lines(part, facts), "host": host_lines(part, facts), "gpu": gpu_lines(part), "monitoring": monitoring_lines(part, alive=facts.alive)}
        # Of an ended run from before these were recorded there is no more than a name or a sentence.
        bare = {name for name in ("host", "monitoring") if len(words[name]) < 2 and not facts.alive}
        if (left_out := frozenset(bare if part.has_gpu else OF_GPU | bare)) != self._left_out:
            self._left_out = left_out
            self.lay_out()
        for name, lines in words.items():
            self.query_one(f"#{name}", Words).show(lines)
        self._draw(part, facts)

    def _draw(self, part: SystemPart, facts: Facts) -> None:
        self.prepare(facts, part.clock, (float(facts.status.began), part.end), part.newest)
        first, last = self.span(part.end)
        curves = {
            "rate": [Curve("", part.rate, "a", value=part.now.get(SAMPLES_PER_S))],
            "processor": [curve("this run", part, CPU, "a"), curve("host", part, HOST_CPU, "b")],
            "memory": [curve("this run", part, MEMORY, "a"), curve("host", part, HOST_MEMORY, "b"), curve("GPU", part, GPU_MEMORY, "c")],
            "gpu-use": [curve("", part, GPU_USE, "c")],
        }
        for name in CHARTS:
            chart = self.query_one(f"#{name}", LineChart)
            chart.set_empty("no measurement yet" if facts.alive else "nothing was measured")
            chart.set_series([each for each in curves[name] if each.series.x], x_min=first, x_max=last)


class Words(Lines):
    """A pane of words."""


def curve(label: str, part: SystemPart, column: str, style: str) -> Curve:
    value = part.now.get(column, math.nan)
    return Curve(label, part.series[column], style, value=value * part.scale(column) if math.isfinite(value) else None)
