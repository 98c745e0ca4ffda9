"""5 Schedule: the learning rate so far and planned to the end."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from gradtop.trainer.analysis import formatting
from gradtop.trainer.record.streams.registry import shown_by
from gradtop.tui.framework.charted import StepsScreen
from gradtop.tui.framework.lines import Lines, TextLine
from gradtop.tui.framework.mode_screen import bindings
from gradtop.tui.framework.notices import no_run_text
from gradtop.tui.reading.chart_view import ChartView
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.screens.schedule.data import SchedulePart, read_schedule
from gradtop.tui.widgets.chart import Curve, from_zero
from gradtop.tui.widgets.line_chart import LineChart


class Schedule(StepsScreen):
    """One large chart with its turning points, and a line that reads it."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("schedule")
    AUTO_FOCUS = "LineChart"
    mode = "schedule"
    streams = shown_by(mode)
    read = staticmethod(read_schedule)

    def body(self) -> ComposeResult:
        yield LrStatistics(id="figures")
        yield LineChart(id="lr", empty="the plan follows with the first step")
        yield Lines(id="reading")

    def on_mount(self) -> None:
        self.query_one("#lr").border_title = "learning rate"

    def view(self) -> ChartView:
        return self.chart_view

    def show(self, snapshot: Snapshot) -> None:
        part = snapshot.part
        if snapshot.facts.run is None or not isinstance(part, SchedulePart):
            self.explain("" if snapshot.facts.run else no_run_text())
            return
        self.explain("")
        planned = Curve("planned", part.planned, "a", planned=True, value=part.last)
        lines, steps, drafted = [Curve("so far", part.lr, "a", value=snapshot.facts.status.lr), planned], part.steps, self.gradtop.drafted
        if drafted.run == snapshot.facts.run and drafted.new.x:
            lines.append(Curve("in the form", drafted.new, "b", planned=True))
            steps = max(steps, drafted.steps)
        end = float(max(steps, 1))
        self.prepare(snapshot.facts, part.clock, (float(snapshot.facts.status.began), end), end)
        first, last = self.span(end)
        y_range = from_zero(part.lr) if len(lines) == 2 and not part.planned.x else None
        self.query_one(LineChart).set_series(lines, marks=part.marks, x_min=first, x_max=last, y_range=y_range, smooth=False)
        self.query_one(LrStatistics).show([figures(part)])
        self._read_out()

    def on_line_chart_cursor_moved(self, message: LineChart.CursorMoved) -> None:  # noqa: ARG002 - as Textual calls it
        self._read_out()

    def _read_out(self) -> None:
        self.query_one("#reading", Lines).show([self._reading()])

    def _reading(self) -> TextLine:
        chart, part = self.query_one(LineChart), self.snapshot.part
        if chart.cursor_x is None or not isinstance(part, SchedulePart):
            return [(" ← → read the value at a step", "muted")]
        step = max(0, round(chart.cursor_x))
        words: list[tuple[str, str]] = [(" step ", "muted"), (formatting.number(step), "strong")]
        if part.per_epoch:
            words += [("   epoch ", "muted"), (f"{step / part.per_epoch:.1f}", "strong")]
        for read in chart.read[1:]:
            label, _, value = read.rpartition(" ")
            words += [(f"   {label} ", "muted"), (value, "strong")]
        return words

    def copied(self) -> tuple[str, str]:
        reading = "".join(text for text, _tone in self._reading()).strip()
        return (reading, "what is under the line") if self.query_one(LineChart).cursor_x is not None else super().copied()


class LrStatistics(Lines):
    """Kind, now, highest and last value, and the warm-up: as many of them as fit whole."""

    def lines(self, width: int, height: int) -> Sequence[TextLine]:  # noqa: ARG002 - one line
        return [fitting(line, width) for line in self._lines]


def figures(part: SchedulePart) -> TextLine:
    """Pieces in pairs, a label and its value."""
    words: list[tuple[str, str]] = [(f" {part.kind or 'no schedule'}", "strong")]
    facts = [(label, formatting.significant(value)) for label, value in (("now", part.now), ("highest", part.highest), ("at the end", part.last)) if value is not None]
    if part.warmup:
        facts.append(("warm-up", f"{formatting.number(part.warmup)} steps"))
    for label, value in facts:
        words += [(f"   {label} ", "muted"), (value, "text")]
    return words


def fitting(words: TextLine, width: int) -> TextLine:
    """The first piece, and of the pairs after it those that fit."""
    found, used = list(words[:1]), sum(len(text) for text, _ in words[:1])
    for label, value in zip(words[1::2], words[2::2], strict=True):
        used += len(label[0]) + len(value[0])
        if used > width:
            break
        found += [label, value]
    return found
