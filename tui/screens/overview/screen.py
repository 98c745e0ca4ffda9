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
from gradtop.tui.format import ellipsis
from gradtop.tui.framework.charted import ChartedScreen
from gradtop.tui.framework.mode_screen import bindings
from gradtop.tui.framework.picks import MOST, axis_of, kept_picks, metric_line
from gradtop.tui.reading.chart_view import ChartView
from gradtop.tui.reading.snapshot import Facts, Snapshot
from gradtop.tui.screens.overview.data import OverviewPart, read_overview
from gradtop.tui.screens.overview.panes import Findings, event_entry
from gradtop.tui.widgets.chart import Curve, from_zero
from gradtop.tui.widgets.entries import Entries
from gradtop.tui.widgets.line_chart import LineChart

PANES = ("loss", "accuracy", "gradient-norm", "learning-rate", "findings", "events")
PICKS = tuple(f"picked-{number}" for number in range(MOST))
WIDE = 100  # from this many columns on two panes stand side by side
NARROW = 80  # below, one pane fills the screen
LEAST = 8  # rows of a pane
LABEL = 30  # cells of a name in a legend
NOT_HERE = "no evaluation in these steps"
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
            for pane in (*charts, Findings(id="findings"), Entries(id="events", empty="nothing happened yet", filters=True)):
                pane.border_title = (pane.id or "").replace("-", " ")
                yield pane
            for name in PICKS[: len(kept_picks(self.gradtop.memory))]:
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
        begun = FIRST_EVALUATION if snapshot.facts.alive else waiting
        chart["accuracy"].set_empty(begun if self.chart_view.window is None else NOT_HERE)
        last = part.last
        val = [Curve("val", part.val_loss, "b", value=last.get(VAL_LOSS), best=part.best_loss)] if part.val_loss.x else []
        with_terms = f"train with {' and '.join(part.loss_terms)}" if part.loss_terms else "train"
        train = [Curve(ellipsis(with_terms, LABEL), part.loss, "a", value=last.get(LOSS))]
        if part.plain_loss.x:
            train.append(Curve("train", part.plain_loss, "c", value=last.get(PLAIN_LOSS)))
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
            y_range=None if part.planned.x else from_zero(part.lr),
            smooth=False,
        )
        self._show_picks(part, first, end)
        self.query_one(Findings).show_report(snapshot.facts)
        self._show_events(part)

    def _show_events(self, part: OverviewPart) -> None:
        """All of them where they are looked for, else with what is routine folded."""
        pane = self.query_one("#events", Entries)
        whole = self._zoomed == "events" or bool(pane.filter)
        pane.show([event_entry(event) for event in (part.all_events if whole else part.events)])

    def _show_picks(self, part: OverviewPart, first: float, end: float) -> None:
        """What was put here from the page of all metrics."""
        there = {str(chart.id): chart for chart in self.query(LineChart)}
        for name, curve in zip(PICKS, part.picked, strict=False):
            chart = there.get(name)
            if chart is None:
                chart = LineChart(id=name)
                self.query_one("#panes").mount(chart)
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
        for pane in grid.children:
            pane.display = pane.id in shown
        grid.styles.grid_size_columns = columns
        grid.styles.grid_size_rows = -(-len(shown) // columns)
        if isinstance(self.snapshot.part, OverviewPart):
            self._show_events(self.snapshot.part)
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
        if self.focused is not None:
            self.set_focus(None)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "zoom":
            return True if not self._zoomed or self._goes_to() else None
        return super().check_action(action, parameters)

    def label(self, identity: str | None, label: str) -> str:
        if identity == "overview.zoom" and (mode := self._goes_to()):
            return keys.mode_named(mode).title
        if identity == "next" and self.pages > 1:
            return f"{self._page + 1}/{self.pages}"
        return super().label(identity, label)

    def _goes_to(self) -> str:
        """The mode that Enter opens: the one that shows the chosen finding; "" where it enlarges a pane."""
        pane = self.focused
        finding = pane.finding if isinstance(pane, Findings) else None
        return finding.mode if finding is not None and finding.mode != self.mode else ""

    def action_zoom(self) -> None:
        """Show the focused pane alone, the first where none is; on a finding, go where it is seen."""
        if mode := self._goes_to():
            self.gradtop.action_mode(mode)
        elif not self._zoomed:
            pane = self.focused if self.focused is not None and self.focused.id in self._panes else self.query_one(f"#{self._shown()[0]}")
            self._zoomed = pane.id or ""
            self._arrange()
            self.set_focus(pane)

    def action_step(self, step: int) -> None:
        """Up and down: the next row of a list, else the pane below or above; the first where none has the focus."""
        if isinstance(self.focused, Entries) and self.focused.step(step):
            return
        shown = self._shown()
        name = self.focused.id if self.focused is not None else None
        if name not in shown:
            self.set_focus(self.query_one(f"#{shown[0]}"))
            return
        place = shown.index(name) + step * self._shape[0]
        if 0 <= place < len(shown):
            self.set_focus(self.query_one(f"#{shown[place]}"))

    def on_entries_moved(self) -> None:
        self.refresh_bindings()

    def on_entries_filtered(self) -> None:
        if isinstance(self.snapshot.part, OverviewPart):
            self._show_events(self.snapshot.part)

    def on_entries_chosen(self) -> None:
        self.action_zoom()

    @property
    def is_inside(self) -> bool:
        return bool(self._zoomed)

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


def waiting_for(facts: Facts) -> str:
    if facts.state in {RunState.CREATED, RunState.STARTING}:
        return "starting: the first step follows in a few seconds"
    return "nothing measured yet" if facts.alive else "nothing was measured"


