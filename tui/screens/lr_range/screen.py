"""1 LR range: the loss over the learning rate, and the learning rates that it suggests."""

from __future__ import annotations

import math

from textual import events, on
from textual.app import ComposeResult

from gradtop.trainer.analysis import formatting
from gradtop.trainer.config.text import float_text
from gradtop.trainer.jobs.lr_range.result import LABELS
from gradtop.trainer.record.streams.registry import shown_by
from gradtop.tui.framework.chart_actions import ChartActions
from gradtop.tui.framework.lines import Lines, TextLine
from gradtop.tui.framework.mode_screen import ModeScreen, bindings, no_run_text
from gradtop.tui.reading.chart_view import ChartView
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.screens.lr_range.data import RangePart, read_range
from gradtop.tui.widgets.chart import Curve
from gradtop.tui.widgets.line_chart import LineChart

RULES = {
    "valley": "in the middle of the longest fall of the loss",
    "steep": "where the loss falls fastest",
    "minimum": "a tenth of the learning rate with the lowest loss",
    "slide": "where the slope stops being like that of the divergence",
}


class LrRange(ModeScreen, ChartActions):
    """One large chart on a logarithmic axis, and the suggestions below it, one of which is chosen. Its window is in decades."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("lr_range")
    AUTO_FOCUS = "LineChart"
    LEAST_SEEN = 0.5  # of a decade
    mode = "lr_range"
    streams = shown_by(mode)
    read = staticmethod(read_range)

    def __init__(self) -> None:
        super().__init__()
        self._chosen = next(iter(LABELS))

    def body(self) -> ComposeResult:
        yield Lines(id="figures")
        yield LineChart(id="curve", x_name="lr", x_log=True, empty="the curve comes with the first steps")
        yield Lines(id="suggestions")

    def on_mount(self) -> None:
        self.query_one("#curve").border_title = "loss over learning rate"
        self.recall()

    def view(self) -> ChartView:
        return self.chart_view

    def reread(self) -> None:
        self.request_data()

    def redraw(self) -> None:
        self.show(self.snapshot)

    def along(self, x: float) -> float:
        return math.log10(x)

    @property
    def part(self) -> RangePart:
        part = self.snapshot.part
        return part if isinstance(part, RangePart) else RangePart()

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.facts.run is None or not isinstance(snapshot.part, RangePart):
            self.explain("" if snapshot.facts.run else no_run_text())
            return
        self.explain("")
        part = self.part
        if part.found and self._chosen not in part.found:
            self._chosen = next(iter(part.found))
        marks = [(lr, f"{LABELS[method]} {formatting.significant(lr)}") for method, lr in part.found.items()]
        lines = [Curve("smoothed", part.smoothed, "a"), Curve("loss", part.loss, "b", planned=True)]
        low, high = map(math.log10, part.span)
        self._whole = (low, high)
        first, last = self.span(high)
        chart = self.query_one(LineChart)
        limits = part.limits if self.chart_view.window is None else part.limits_between(10.0**first, 10.0**last)
        y_range = limits if limits is None or limits[0] > 0 or not chart.own_log else None
        chart.set_series(lines, marks=marks, x_min=10.0**first, x_max=10.0**last, y_range=y_range)
        self.query_one("#figures", Lines).show([figures(part)])
        self._list()
        self.refresh_bindings()

    def _list(self) -> None:
        part = self.part
        empty = " No suggestion: the loss does not fall beyond its noise." if part.ended else " Suggestions come at the end of the test."
        lines = [suggestion(method, lr, chosen=method == self._chosen) for method, lr in part.found.items()]
        self.query_one("#suggestions", Lines).show(lines or [[(empty, "muted")]])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in {"use", "choose"}:
            return True if self.is_mounted and self.part.found else None
        return super().check_action(action, parameters)

    def label(self, identity: str | None, label: str) -> str:
        return "whole range" if identity == "charts.all" else super().label(identity, label)

    def action_choose(self, step: int) -> None:
        found = list(self.part.found)
        if found:
            self._chosen = found[(found.index(self._chosen) + step) % len(found)]
            self._list()

    @on(events.Click, "#suggestions")
    def choose_row(self, event: events.Click) -> None:
        """A click chooses a suggestion, another one on the same uses it."""
        methods = list(self.part.found)
        if 0 <= event.y < len(methods):
            if methods[event.y] == self._chosen:
                self.action_use()
            self._chosen = methods[event.y]
            self._list()

    def action_use(self) -> None:
        """Put the chosen learning rate into Tune: over the run that was tested, or over the configuration itself."""
        run = self.part.source or self.snapshot.facts.run
        if run is not None and (lr := self.part.found.get(self._chosen)) is not None:
            self.gradtop.tune(run, {"optimizer.lr": float_text(float(f"{lr:.3g}"))})

    def copied(self) -> tuple[str, str]:
        lr = self.part.found.get(self._chosen)
        return (float_text(lr), f"the learning rate ({LABELS[self._chosen]})") if lr is not None else super().copied()


def figures(part: RangePart) -> TextLine:
    words: list[tuple[str, str]] = [(" learning rate ", "muted"), (" to ".join(map(formatting.significant, part.span)), "text")]
    if part.diverged_at is not None:
        words += [("   diverged at ", "muted"), (formatting.significant(part.diverged_at), "warning")]
    return words


def suggestion(method: str, lr: float, *, chosen: bool) -> TextLine:
    tone = "strong" if chosen else "text"
    return [
        (" ▸ " if chosen else "   ", "primary"),
        (f"{LABELS[method]:<12}", tone),
        (f"{formatting.significant(lr):>8}", tone),
        (f"   {RULES[method]}", "muted"),
    ]
