"""1 Overview: is it going well?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual import events
from textual.app import ComposeResult
from textual.containers import Container

from gradtop.trainer.record import RunState
from gradtop.trainer.record.streams.registry import ACCURACY, GRAD_NORM, LOSS, LR, PLAIN_LOSS, VAL_LOSS, shown_by
from gradtop.tui import keys
from gradtop.tui.framework.charted import ChartedScreen
from gradtop.tui.framework.lines import Lines, TextLine
from gradtop.tui.framework.mode_screen import bindings
from gradtop.tui.framework.picks import MOST, axis_of, kept_picks, metric_line
from gradtop.tui.reading.chart_view import ChartView
from gradtop.tui.reading.snapshot import Facts, Snapshot
from gradtop.tui.screens.overview.data import OverviewPart, read_overview
from gradtop.tui.widgets.chart import Curve
from gradtop.tui.widgets.line_chart import LineChart

PANES = ("loss", "accuracy", "gradient-norm", "learning-rate", "findings", "events")
PICKS = tuple(f"picked-{number}" for number in range(MOST))
WIDE = 100  # from this many columns on two panes stand side by side
NARROW = 80  # below, one pane fills the screen
LEAST = 8  # rows of a pane
LONGEST = 4  # lines of an event
FIRST_EVALUATION = "the first evaluation is at the end of the epoch"


class Overview(ChartedScreen):
    """Six panes; where they do not fit, Tab turns the page, and Enter shows one alone."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("overview")
    mode = "overview"
    streams = shown_by(mode)
    read = staticmethod(read_overview)

    def __init__(self) -> None:
        super().__init__()
        self._page = 0
        self._panes: tuple[str, ...] = PANES
        self._picked: dict[str, str] = {}  # the metric in each of the panes for those
        self._zoomed = ""
        self._shape = (0, 0)

    def body(self) -> ComposeResult:
        charts = [LineChart(id=name) for name in PANES[:4]]
        with Container(id="panes"):
            for pane in (*charts, Findings(id="findings"), Events(id="events")):
                pane.border_title = (pane.id or "").replace("-", " ")
                yield pane
            for name in PICKS:
                yield LineChart(id=name)

    def view(self) -> ChartView:
        return replace(self.chart_view, picked=kept_picks(self.gradtop.memory))

    def show(self, snapshot: Snapshot) -> None:
        part = snapshot.part
        if snapshot.facts.run is None or not isinstance(part, OverviewPart):
            self.explain("" if snapshot.facts.run else f"No run is selected. {keys.name('mode.runs')} lists the runs, {keys.name('mode.tune')} starts one.")
            return
        self.explain("")
        status = snapshot.facts.status
        chart = {name: self.query_one(f"#{name}", LineChart) for name in PANES[:4]}
        waiting = waiting_for(snapshot.facts)
        whole = (float(status.began), part.end)  # a fork's curves have the width to themselves
        self.prepare(snapshot.facts, part.clock, whole, part.newest)
        first, end = self.span(part.end)
        last_planned = self.span(float(max(status.steps, 1)))[1]
        for each in ("loss", "gradient-norm", "learning-rate"):
            chart[each].set_empty(waiting)
        chart["accuracy"].set_empty(FIRST_EVALUATION if snapshot.facts.alive else waiting)
        last = part.last
        val = [Curve("val", part.val_loss, "b", value=last.get(VAL_LOSS), best=part.best_loss)] if part.val_loss.x else []
        train = [Curve("train", part.loss, "a", value=last.get(LOSS))]
        if part.plain_loss.x:  # label smoothing or mixup are a part of what is trained on
            train = [replace(train[0], label="train, soft targets"), Curve("train", part.plain_loss, "c", value=last.get(PLAIN_LOSS))]
        chart["loss"].set_series(
            [*train, *val], log=None, marks=part.marks, notches=part.checkpoints, x_min=first, x_max=end
        )
        accuracy = [Curve("val", part.val_accuracy, "b", value=last.get(ACCURACY), best=part.best_accuracy)] if part.val_accuracy.x else []
        chart["accuracy"].set_series(accuracy, x_min=first, x_max=end, marks=part.marks, notches=part.checkpoints)
        clipped = [("clipped", f"{100 * part.clipped:.0f} %")] if part.clipped is not None else []
        chart["gradient-norm"].set_series(
            [Curve("", part.grad_norm, "c", value=last.get(GRAD_NORM))],
            log=True, band=part.healthy, marks=part.marks, notches=part.checkpoints, notes=clipped, x_min=first, x_max=end,
        )  # fmt: skip
        chart["learning-rate"].set_series(
            [Curve("so far", part.lr, "a", value=last.get(LR)), Curve("planned", part.planned, "a", planned=True)],
            marks=part.marks, notches=part.checkpoints,
            x_min=first,
            x_max=last_planned,
            smooth=False,
        )
        self._show_picks(part, first, end)
        self.query_one(Findings).show(finding_lines(part))
        self.query_one(Events).show(event_words(part))

    def _show_picks(self, part: OverviewPart, first: float, end: float) -> None:
        """What was put here from the page of all metrics."""
        for name, curve in zip(PICKS, part.picked, strict=False):
            chart = self.query_one(f"#{name}", LineChart)
            if self._picked.get(name) != curve.name:
                chart.border_title = f"{curve.name}{' [' + curve.unit + ']' if curve.unit else ''}"
                self._picked[name] = curve.name
                self.recall_axis(chart)
            chart.set_empty(curve.unavailable or "nothing measured")
            chart.set_series([metric_line(curve)], log=axis_of(curve), marks=part.marks, notches=part.checkpoints, x_min=first, x_max=end)
        if len(part.picked) != len(self._panes) - len(PANES):
            self._panes = (*PANES, *PICKS[: len(part.picked)])
            self._arrange()

    def chart_name(self, chart: LineChart) -> str:
        return self._picked.get(str(chart.id), str(chart.id))

    # What fits

    def on_mount(self) -> None:
        self._arrange()  # else a first layout would be for nothing

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self._arrange()

    def _arrange(self) -> None:
        """Lay the panes out in pages of as many as fit."""
        if not self.app.is_running:  # leaving: the screens are being taken apart
            return
        size = self.size or self.app.size
        width, height = size.width, self.query_one("#body").size.height or size.height - 3
        columns = 2 if width >= WIDE else 1
        rows = 1 if width < NARROW else max(1, min(3, height // LEAST))
        if self._zoomed:
            columns = rows = 1
        self._shape = (columns, rows)
        shown = self._shown()
        grid = self.query_one("#panes")
        for name in (*PANES, *PICKS):
            self.query_one(f"#{name}").display = name in shown
        grid.styles.grid_size_columns = columns
        grid.styles.grid_size_rows = -(-len(shown) // columns)
        grid.set_class(tuple(shown) == PANES and columns == 2, "-all")
        self.refresh_bindings()

    @property
    def pages(self) -> int:
        columns, rows = self._shape
        return 1 if self._zoomed or not columns else -(-len(self._panes) // (columns * rows))

    def _shown(self) -> Sequence[str]:
        if self._zoomed:
            return (self._zoomed,)
        size = self._shape[0] * self._shape[1]
        self._page %= self.pages
        return self._panes[self._page * size : (self._page + 1) * size]

    def turn(self, step: int) -> None:
        """Tab: the next page where there are several, else the next chart."""
        if self.pages == 1:
            super().turn(step)
            return
        self._page = (self._page + step) % self.pages
        self._arrange()
        if isinstance(self.focused, LineChart):
            self.set_focus(None)

    def label(self, identity: str | None, label: str) -> str:
        if identity == "next" and self.pages > 1:
            return f"{self._page + 1}/{self.pages}"
        return super().label(identity, label)

    # One pane alone

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "zoom":
            return True if isinstance(self.focused, LineChart) and not self._zoomed else None
        return super().check_action(action, parameters)

    def action_zoom(self) -> None:
        if self.focused is not None and self.focused.id in self._panes:
            self._zoomed = self.focused.id
            self._arrange()

    def back(self) -> bool:
        if not self._zoomed:
            return super().back()
        self._zoomed = ""
        self._arrange()
        return True

    def copied(self) -> tuple[str, str]:
        chart = self.focused
        if isinstance(chart, LineChart) and chart.read:
            return f"{chart.border_title}: {', '.join(chart.read)}", "what the chart says"
        return super().copied()


class Findings(Lines):
    """What is wrong, wrapped to the pane."""

    def lines(self, width: int, height: int) -> Sequence[TextLine]:
        from textwrap import wrap

        lines: list[TextLine] = []
        for (symbol, tone), (text, _tone) in ((line[0], line[1]) for line in super().lines(width, height)):
            for index, piece in enumerate(wrap(text, max(10, width - 3))):
                lines.append([(f" {symbol} " if not index else "   ", tone), (piece, "text")])
        return lines


class Events(Lines):
    """What happened, the newest first; what is too long for a line goes on below it."""

    def lines(self, width: int, height: int) -> Sequence[TextLine]:
        from textwrap import wrap

        lines: list[TextLine] = []
        for (clock, muted), (text, tone) in ((line[0], line[1]) for line in super().lines(width, height)):
            room = max(10, width - len(clock))
            # A gap is given up before a word has to go on in the next line.
            pieces = wrap(text.replace("  ", " "), room, max_lines=LONGEST, placeholder=" …") if len(text) > room else [text]
            for index, piece in enumerate(pieces):
                lines.append([(clock if not index else " " * len(clock), muted), (piece, tone)])
        return lines


def waiting_for(facts: Facts) -> str:
    if facts.state in {RunState.CREATED, RunState.STARTING}:
        return "starting: the first step follows in a few seconds"
    return "nothing measured yet" if facts.alive else "nothing was measured"


def finding_lines(part: OverviewPart) -> list[TextLine]:
    found: list[TextLine] = [[(finding.symbol, finding.tone), (finding.sentence, "text")] for finding in part.report.findings]
    return found or ([[("✓", "success"), (verdict, "text")]] if (verdict := part.report.verdict()) else [])


def event_words(part: OverviewPart) -> list[TextLine]:
    return [[(f" {event.clock}  ", "muted"), (event.text, event.tone)] for event in part.events]
