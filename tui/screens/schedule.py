"""5 Schedule: the learning rate so far and planned to the end."""

from __future__ import annotations

from textual.app import ComposeResult

from tui import format
from tui.parts.schedule import SchedulePart, read_schedule
from tui.screens.base import ModeScreen, bindings
from tui.screens.lines import Line as Words
from tui.screens.lines import Lines
from tui.snapshot import Snapshot
from tui.widgets.chart import Line
from tui.widgets.line_chart import LineChart


class Schedule(ModeScreen):
    """One large chart with its turning points, and a line that reads it."""

    CSS_PATH = "schedule.tcss"
    BINDINGS = bindings("schedule")
    AUTO_FOCUS = "LineChart"
    mode = "schedule"
    streams = ("steps", "plan")
    read = staticmethod(read_schedule)

    def body(self) -> ComposeResult:
        yield Lines(id="figures")
        yield LineChart(id="lr", empty="the plan comes with the first step")
        yield Lines(id="reading")

    def on_mount(self) -> None:
        self.query_one("#lr").border_title = "learning rate"
        super().on_mount()

    def show(self, snapshot: Snapshot) -> None:
        part = snapshot.part
        if snapshot.facts.run is None or not isinstance(part, SchedulePart):
            self.explain("" if snapshot.facts.run else "No run is watched. 7 shows the runs, 6 starts one.")
            return
        self.explain("")
        planned = Line("planned", part.planned, "a", planned=True)
        lines, steps, drafted = [Line("so far", part.lr, "a"), planned], part.steps, self.gradtop.drafted
        if drafted.run == snapshot.facts.run and drafted.new.x:
            lines.append(Line("in the form", drafted.new, "b", planned=True))
            steps = max(steps, drafted.steps)
        self.query_one(LineChart).set_series(lines, marks=part.marks, x_max=float(max(steps, 1)))
        self.query_one("#figures", Lines).show([figures(part)])
        self._read_out()

    def on_line_chart_cursor_moved(self) -> None:
        self._read_out()

    def action_read(self, cells: int) -> None:
        chart = self.query_one(LineChart)
        self.set_focus(chart)
        chart.action_cursor(cells)

    def _read_out(self) -> None:
        self.query_one("#reading", Lines).show([self._reading()])

    def _reading(self) -> Words:
        chart, part = self.query_one(LineChart), self.snapshot.part
        if chart.cursor_x is None or not isinstance(part, SchedulePart):
            return [(" ← → read the value at a step", "muted")]
        step = max(0, round(chart.cursor_x))
        words: list[tuple[str, str]] = [(" step ", "muted"), (format.number(step), "strong")]
        if part.per_epoch:
            words += [("   epoch ", "muted"), (f"{step / part.per_epoch:.1f}", "strong")]
        for read in chart.read[1:]:
            label, _, value = read.rpartition(" ")
            words += [(f"   {label} ", "muted"), (value, "strong")]
        return words

    def copied(self) -> tuple[str, str]:
        reading = "".join(text for text, _tone in self._reading()).strip()
        return (reading, "what is under the line") if self.query_one(LineChart).cursor_x is not None else super().copied()


def figures(part: SchedulePart) -> Words:
    """Kind, warm-up, now, highest and last value."""
    words: list[tuple[str, str]] = [(f" {part.kind or 'no schedule'}", "strong")]
    if part.warmup:
        words += [("   warm-up ", "muted"), (f"{format.number(part.warmup)} steps", "text")]
    for label, value in (("now", part.now), ("highest", part.highest), ("at the end", part.last)):
        if value is not None:
            words += [(f"   {label} ", "muted"), (format.significant(value), "text")]
    return words
