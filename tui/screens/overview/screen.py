"""1 Overview: is it going well?"""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Container

from gradtop.trainer.analysis.formatting import percent
from gradtop.trainer.analysis.preparation import preparation_of
from gradtop.trainer.analysis.text import mixes_images
from gradtop.trainer.metrics import PERPLEXITY, metric_of
from gradtop.trainer.record import RunState, clean
from gradtop.trainer.record.streams.registry import (
    ACCURACY,
    GRAD_NORM,
    LOSS,
    LR,
    PLAIN_LOSS,
    TRAIN_ACCURACY,
    VAL_LOSS,
    shown_by,
)
from gradtop.tui import keys
from gradtop.tui.format import ellipsis
from gradtop.tui.framework.mode_screen import bindings
from gradtop.tui.framework.notices import no_run_text
from gradtop.tui.framework.paned import PanedScreen
from gradtop.tui.framework.picks import MOST, axis_of, baseline_note, kept_picks, metric_line
from gradtop.tui.reading.chart_view import ChartView
from gradtop.tui.reading.snapshot import Facts, Snapshot
from gradtop.tui.screens.overview.data import OverviewPart, read_overview
from gradtop.tui.screens.overview.panes import NO_SAMPLE, Findings, event_entry, sample_entry
from gradtop.tui.widgets.chart import Curve, from_zero
from gradtop.tui.widgets.entries import Entries
from gradtop.tui.widgets.line_chart import LineChart

CHARTS = ("loss", "accuracy", "gradient-norm", "learning-rate")
PICKS = tuple(f"picked-{number}" for number in range(MOST))
# Where a language model writes, what it writes is on the first page; mode 5 shows the learning rate, too.
WRITTEN = ("loss", "accuracy", "gradient-norm", "samples", "findings", "events", "learning-rate")
LABEL = 30  # cells of a name in a legend
NOT_HERE = "no evaluation in these steps"
FIRST_EVALUATION = "the first evaluation is at the end of the epoch"
NO_EVALUATION = "the first evaluation is still to come"  # of data without a length, and without epochs


class Overview(PanedScreen):
    """Six panes; where they do not fit, Tab turns the page, and Enter shows one alone."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("overview")
    PANES = (*CHARTS, "findings", "events")
    ALL_ROWS = "3fr 3fr 2fr"
    mode = "overview"
    streams = shown_by(mode)
    read = staticmethod(read_overview)

    def __init__(self) -> None:
        super().__init__()
        self._writes = False  # whether the run is that of a language model
        self._picks = 0  # panes of picked metrics
        self._picked: dict[str, str] = {}  # the metric in each of the panes for those

    @property
    def panes(self) -> Sequence[str]:
        return (*(WRITTEN if self._writes else self.PANES), *PICKS[: self._picks])

    def body(self) -> ComposeResult:
        charts = [LineChart(id=name) for name in CHARTS]
        with Container(id="panes"):
            for pane in (*charts, Findings(id="findings"), Entries(id="events", empty="nothing happened yet", filters=True)):
                pane.border_title = (pane.id or "").replace("-", " ")
                yield pane
            for name in PICKS[: len(kept_picks(self.gradtop.memory))]:
                yield LineChart(id=name)

    def view(self) -> ChartView:
        return self.chart_view._replace(picked=kept_picks(self.gradtop.memory))

    def show(self, snapshot: Snapshot) -> None:
        part = snapshot.part
        if snapshot.facts.run is None or not isinstance(part, OverviewPart):
            self.explain("" if snapshot.facts.run else no_run_text())
            return
        self.explain("")
        status = snapshot.facts.status
        chart = {name: self.query_one(f"#{name}", LineChart) for name in CHARTS}
        waiting = waiting_for(snapshot.facts)
        whole = (float(status.began), part.end)  # a fork's curves have the width to themselves
        self.prepare(snapshot.facts, part.clock, whole, part.newest)
        first, end = self.span(part.end)
        last_planned = self.span(float(max(status.steps, 1)))[1]
        for each in ("loss", "gradient-norm", "learning-rate"):
            chart[each].set_empty(waiting)
        begun = (FIRST_EVALUATION if status.epochs else NO_EVALUATION) if snapshot.facts.alive else waiting
        chart["accuracy"].set_empty(begun if self.chart_view.window is None else NOT_HERE)
        last = part.last
        val = [Curve("val", part.val_loss, "b", value=last.get(VAL_LOSS), best=part.best_loss, best_label=best_label(part, LOSS))] if part.val_loss.x else []
        mixes = " (mixed images)" if mixes_images(part.loss_terms) else ""
        with_terms = f"train with {' and '.join(part.loss_terms)}" if part.loss_terms else "train"
        train = [Curve(ellipsis(with_terms, LABEL), part.loss, "a", value=last.get(LOSS))]
        if part.plain_loss.x:
            train.append(Curve("train without smoothing" if mixes else "train", part.plain_loss, "c", value=last.get(PLAIN_LOSS)))
        chart["loss"].set_series(
            [*train, *val], notes=baseline_note(part.loss_baseline) if val else [], log=None, marks=part.marks, notches=part.checkpoints, x_min=first, x_max=end
        )
        right = [Curve(f"train{mixes}", part.train_accuracy, "a", value=last.get(TRAIN_ACCURACY))] if part.train_accuracy.x and part.score == ACCURACY else []
        score = [Curve("val", part.val_score, "b", value=last.get(VAL_LOSS if part.score == LOSS else part.score), best=part.best_score, best_label=best_label(part, part.score))] if part.val_score.x else []
        if chart["accuracy"].border_title != metric_of(part.score).title:
            chart["accuracy"].border_title = metric_of(part.score).title
            self.recall_axis(chart["accuracy"])
        baseline = baseline_note(part.baseline) if score else []
        chart["accuracy"].set_series([*right, *score], notes=baseline, log=None if part.score == PERPLEXITY else False, x_min=first, x_max=end, marks=part.marks, notches=part.checkpoints)
        clipped = [("clipped", percent(part.clipped))] if part.clipped is not None else []
        chart["gradient-norm"].set_series(
            [Curve("", part.grad_norm, "c", value=last.get(GRAD_NORM))],
            log=True, band=part.healthy, marks=part.marks, notches=part.checkpoints, notes=clipped, x_min=first, x_max=end,
        )  # fmt: skip
        chart["learning-rate"].set_series(
            [Curve("so far", part.lr, "a", value=last.get(LR)), Curve("planned", part.planned, "a", planned=True, value=part.planned_last)],
            marks=part.marks, notches=part.checkpoints,
            x_min=first,
            x_max=last_planned,
            y_range=None if part.planned.x else from_zero(part.lr),
            smooth=False,
        )
        self._show_samples(part, alive=snapshot.facts.alive)
        self._show_picks(part, first, end)
        self.query_one(Findings).show_report(snapshot.facts)
        self._show_events(part)

    def _show_events(self, part: OverviewPart) -> None:
        """All of them where they are looked for, else with what is routine folded."""
        pane = self.query_one("#events", Entries)
        whole = self._zoomed == "events" or bool(pane.filter)
        pane.show([event_entry(event) for event in (part.all_events if whole else part.events)])

    def _show_samples(self, part: OverviewPart, *, alive: bool) -> None:
        """The texts of a language model, in a pane that is there where it writes some."""
        if part.writes and not self.query("#samples"):
            pane = Entries(id="samples")
            pane.border_title = "samples"
            self.query_one("#panes").mount(pane, before="#findings")
        if part.writes:
            self.query_one("#samples", Entries).show([sample_entry(sample) for sample in part.samples], NO_SAMPLE if alive else "no text was written")
        if part.writes is not self._writes:
            self._writes = part.writes
            self.lay_out()

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
            chart.set_series([metric_line(curve)], notes=baseline_note(curve.baseline), log=axis_of(curve), marks=part.marks, notches=part.checkpoints, x_min=first, x_max=end)
        if len(part.picked) != self._picks:
            self._picks = len(part.picked)
            self.lay_out()

    def chart_name(self, chart: LineChart) -> str:
        return self._picked.get(str(chart.id), str(chart.border_title) if chart.id == "accuracy" else str(chart.id))

    # What fits

    def lay_out(self) -> None:
        super().lay_out()
        if isinstance(self.snapshot.part, OverviewPart):
            self._show_events(self.snapshot.part)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "zoom" and self._goes_to():
            return True
        return super().check_action(action, parameters)

    def label(self, identity: str | None, label: str) -> str:
        if identity == "overview.zoom" and (mode := self._goes_to()):
            return keys.mode_named(mode).title
        return super().label(identity, label)

    def _goes_to(self) -> str:
        """The mode that Enter opens: the one that shows the chosen finding; "" where it enlarges a pane."""
        pane = self.focused
        finding = pane.finding if isinstance(pane, Findings) else None
        return finding.mode if finding is not None and finding.mode != self.mode else ""

    def action_zoom(self) -> None:
        """On a finding, go where it is seen; else show the focused pane alone."""
        if mode := self._goes_to():
            self.gradtop.action_mode(mode)
        else:
            super().action_zoom()

    def action_step(self, step: int) -> None:
        """Up and down: the next row of a list, else the pane below or above."""
        if not (isinstance(self.focused, Entries) and self.focused.step(step)):
            super().action_step(step)

    def on_entries_moved(self) -> None:
        self.refresh_bindings()

    def on_entries_filtered(self) -> None:
        if isinstance(self.snapshot.part, OverviewPart):
            self._show_events(self.snapshot.part)

    def on_entries_chosen(self) -> None:
        self.action_zoom()


def best_label(part: OverviewPart, metric: str) -> str:
    """What the best evaluation is called in the chart of a metric: "at best val loss" where another one says which it is."""
    return "best" if part.monitored.name == metric else f"at best {ellipsis(clean(part.monitored.title, LABEL), LABEL)}"


def waiting_for(facts: Facts) -> str:
    if facts.state in {RunState.CREATED, RunState.STARTING}:
        preparing = preparation_of(facts.status)
        return "preparing the data; the first step follows" if preparing is not None else "starting: the first step follows in a few seconds"
    return "nothing measured yet" if facts.alive else "nothing was measured"


