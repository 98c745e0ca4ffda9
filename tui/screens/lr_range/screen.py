"""1 LR range: the loss over the learning rate, and the learning rates that it suggests."""

from __future__ import annotations

import math

from textual import events, on
from textual.app import ComposeResult

from gradtop.trainer.fields.text import float_text
from gradtop.trainer.jobs.lr_range.result import LABELS, ranged_text
from gradtop.trainer.record.streams.registry import shown_by
from gradtop.tui.framework.charted import DecadesScreen
from gradtop.tui.framework.lines import Lines, TextLine, wrapped
from gradtop.tui.framework.mode_screen import bindings
from gradtop.tui.framework.notices import no_run_text
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.screens.lr_range.data import RangePart, read_range
from gradtop.tui.widgets.chart import Curve
from gradtop.tui.widgets.line_chart import LineChart
from gradtop.tui.widgets.ruler import Ruler

RULES = {
    "valley": "in the middle of the longest fall of the loss",
    "steep": "where the loss falls fastest",
    "minimum": "a tenth of where the loss is lowest",
    "limit": "the loss is lowest here, and rises beyond",
    "slide": "where the slope stops being like that of the divergence",
}


class LrRange(DecadesScreen):
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
        yield LineChart(id="curve", x_log=True, empty="the curve comes with the first steps")
        yield Lines(id="suggestions")

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
        marks = [(part.ranged.place(value), f"{LABELS[method]} {ranged_text(value)}") for method, value in part.found.items()]
        lines = [Curve("", each, "b", faint=True) for each in part.of_seeds]
        lines.append(Curve(f"mean of {len(lines)} seeds" if lines else "smoothed", part.smoothed, "a"))
        lines += [] if part.of_seeds else [Curve("loss", part.loss, "b", planned=True)]
        low, high = map(math.log10, part.span)
        self._whole = (low, high)
        first, last = self.span(high)
        chart = self.query_one(LineChart)
        chart.border_title = f"loss over {part.ranged.over}"
        chart.set_ruler(Ruler(part.ranged.axis, log=True))
        limits = part.limits if self.chart_view.window is None else part.limits_between(10.0**first, 10.0**last)
        y_range = limits if limits is None or limits[0] > 0 or not chart.own_log else None
        chart.set_series(lines, marks=marks, x_min=10.0**first, x_max=10.0**last, y_range=y_range)
        self.query_one("#figures", Lines).show([figures(part)])
        self._list()
        self.refresh_bindings()

    def _list(self) -> None:
        part = self.part
        shown = self.query_one("#suggestions", Lines)
        empty = f"No suggestion: {part.nothing}." if part.ended else "Suggestions come at the end of the test."
        lines = [suggestion(part, method, chosen=method == self._chosen) for method in part.found]
        shown.show(lines or wrapped([(" ", "muted"), (empty, "muted")], shown.size.width))

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
        """Put the chosen value into Tune: over the run that was tested, or over the configuration itself."""
        run = self.part.source or self.snapshot.facts.run
        if run is not None and (value := self.part.found.get(self._chosen)) is not None:
            key, more = self.part.tuned
            self.gradtop.tune(run, {key: ", ".join([self._text(value), *map(float_text, more)])})

    def _text(self, value: float) -> str:
        return float_text(float(f"{value:.4g}" if value > 0.9 else f"{value:.3g}"))

    def copied(self) -> tuple[str, str]:
        value = self.part.found.get(self._chosen)
        return (self._text(value), f"the {self.part.ranged.title} ({LABELS[self._chosen]})") if value is not None else super().copied()


def figures(part: RangePart) -> TextLine:
    span = " to ".join(ranged_text(part.ranged.value(place)) for place in part.span)
    words: list[tuple[str, str]] = [(f" {part.ranged.title} ", "muted"), (span, "text")]
    if part.of_seeds:
        words += [(f"   {len(part.of_seeds)} seeds", "text")]
    if part.diverged_at is not None:
        words += [("   diverged at ", "muted"), (ranged_text(part.diverged_at), "warning")]
    return words


def suggestion(part: RangePart, method: str, *, chosen: bool) -> TextLine:
    tone = "strong" if chosen else "text"
    low, high = part.spread.get(method, (0.0, 0.0))
    return [
        (" ▸ " if chosen else "   ", "primary"),
        (f"{LABELS[method]:<12}", tone),
        (f"{ranged_text(part.found[method]):>8}", tone),
        (f"   {f'{ranged_text(low)} to {ranged_text(high)}':<20}" if part.of_seeds else "", "text"),
        (f"   {RULES[method]}", "muted"),
    ]
