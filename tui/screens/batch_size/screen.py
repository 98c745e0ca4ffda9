"""1 Batch size: pace and memory over the batch size, and the batch sizes that are worth taking."""

from __future__ import annotations

import math

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from gradtop.trainer.analysis import formatting
from gradtop.trainer.record.streams.registry import shown_by
from gradtop.tui.framework.charted import DecadesScreen
from gradtop.tui.framework.lines import Lines, TextLine
from gradtop.tui.framework.mode_screen import bindings
from gradtop.tui.framework.notices import no_run_text
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.screens.batch_size.data import BatchSizePart, Candidate, read_batch_sizes
from gradtop.tui.widgets.chart import Curve
from gradtop.tui.widgets.line_chart import LineChart

WIDE = 100  # columns from which on the charts stand side by side
TITLES = {"pace": "samples/s over batch size", "memory": "peak memory over batch size, MiB"}


class BatchSize(DecadesScreen):
    """Two charts on a logarithmic axis, and the candidates below them, one of which is chosen. The window is in decades."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("batch_size")
    AUTO_FOCUS = "LineChart"
    LEAST_SEEN = 0.3  # of a decade, one doubling
    mode = "batch_size"
    streams = shown_by(mode)
    read = staticmethod(read_batch_sizes)

    def __init__(self) -> None:
        super().__init__()
        self._chosen = 0

    def body(self) -> ComposeResult:
        yield Lines(id="figures")
        with Horizontal(id="charts"):
            for name in TITLES:
                yield LineChart(id=name, x_name="batch size", x_log=True, empty="the first batch size is being measured")
        yield Lines(id="candidates")

    def on_mount(self) -> None:
        for name, title in TITLES.items():
            self.query_one(f"#{name}").border_title = title
        super().on_mount()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < WIDE, "-narrow")

    @property
    def part(self) -> BatchSizePart:
        part = self.snapshot.part
        return part if isinstance(part, BatchSizePart) else BatchSizePart()

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.facts.run is None or not isinstance(snapshot.part, BatchSizePart):
            self.explain("" if snapshot.facts.run else no_run_text())
            return
        self.explain("")
        part = self.part
        self._chosen = min(self._chosen, max(len(part.candidates) - 1, 0))
        sizes = [*part.pace.x, *([float(part.failed)] if part.failed else [])]
        low, high = (math.log10(sizes[0]), math.log10(max(sizes))) if sizes else (0.0, 1.0)
        self._whole = (low, max(high, low + self.LEAST_SEEN))
        first, last = self.span(self._whole[1])
        marks = [(float(each.batch_size), each.word) for each in part.candidates]
        if part.failed:
            marks.append((float(part.failed), "does not fit"))
        for name, curve in (("pace", part.pace), ("memory", part.memory)):
            chart = self.query_one(f"#{name}", LineChart)
            chart.set_series([Curve("", curve, "a")] if curve.x else [], marks=marks, x_min=10.0**first, x_max=10.0**last, smooth=False)
        self.query_one("#figures", Lines).show([figures(part)])
        self._list()
        self.refresh_bindings()

    def _list(self) -> None:
        part = self.part
        lines = [candidate(each, chosen=number == self._chosen) for number, each in enumerate(part.candidates)]
        if part.note:
            lines.append([("   noise scale  ", "muted"), (part.note, "muted")])
        self.query_one("#candidates", Lines).show(lines or [[(" no batch size fits" if part.ended else " being measured", "muted")]])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in {"use", "choose"}:
            return True if self.is_mounted and self.part.candidates else None
        return super().check_action(action, parameters)

    def label(self, identity: str | None, label: str) -> str:
        return "all sizes" if identity == "charts.all" else super().label(identity, label)

    def action_choose(self, step: int) -> None:
        if self.part.candidates:
            self._chosen = (self._chosen + step) % len(self.part.candidates)
            self._list()

    def action_use(self) -> None:
        """Put the chosen batch size into Tune: over the run that was measured, or over the configuration itself."""
        run = self.part.source or self.snapshot.facts.run
        if run is not None and self.part.candidates:
            self.gradtop.tune(run, {"training.batch_size": str(self.part.candidates[self._chosen].batch_size)})

    def copied(self) -> tuple[str, str]:
        if self.part.candidates:
            chosen = self.part.candidates[self._chosen]
            return str(chosen.batch_size), f"the batch size ({chosen.word})"
        return super().copied()


def figures(part: BatchSizePart) -> TextLine:
    words: list[tuple[str, str]] = []
    if part.free is not None:
        words += [(" usable memory ", "muted"), (formatting.size(part.free), "text")]
    if part.estimate is not None:
        words += [("   estimate from small sizes ", "muted"), (formatting.number(part.estimate), "text")]
    if part.failed is not None:
        words += [("   does not fit ", "muted"), (formatting.number(part.failed), "warning")]
    return words


def candidate(each: Candidate, *, chosen: bool) -> TextLine:
    tone = "strong" if chosen else "text"
    return [
        (" ▸ " if chosen else "   ", "primary"),
        (f"{each.word:<13}", tone),
        (f"{formatting.number(each.batch_size):>8}", tone),
        (f"   {each.why}", "muted"),
    ]
