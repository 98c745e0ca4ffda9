"""What the overview shows: is it going well?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gradtop.trainer.analysis.event_list import event_list
from gradtop.trainer.analysis.event_text import EventLine
from gradtop.trainer.analysis.marks import Mark, checkpoint_marks, event_marks
from gradtop.trainer.analysis.text import loss_terms
from gradtop.trainer.metrics import Monitored
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import EMPTY_SERIES, RunReader, Series, StreamReader, effective
from gradtop.trainer.record.streams.registry import (
    ACCURACY,
    CLIPPED,
    EVALS,
    GRAD_NORM,
    LOSS,
    LR,
    PLAIN_LOSS,
    PLAN,
    STEP,
    STEPS,
    TRAIN_ACCURACY,
    VAL_LOSS,
)
from gradtop.tui.reading.chart_view import NO_CLOCK, ChartView, Clock, clock_of

if TYPE_CHECKING:
    from gradtop.trainer.record.samples import TextSample
    from gradtop.tui.reading.metrics import MetricCurve
    from gradtop.tui.reading.poll import ReadContext

BINS = 360
MOST_SAMPLES = 200
TEXT = "text"  # the kind of data
CEILINGS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)  # each leap draws and sends every chart anew
FEW_STEPS, FIRST_CEILINGS = 100, (2.0, 5.0)  # at first leaps would come within seconds

NO_MONITOR = Monitored()


class OverviewPart(NamedTuple):
    """Series over steps; `end` is the right end of the step axis, which moves in leaps so that the picture stands still.

    `loss_terms` say what the training loss has in it beside the plain one; `last` has the newest finite value of each curve by its name in `gradtop plot`; `val_score` is the metric `score` beside the
    loss: the accuracy, of a language model the perplexity; `baseline` and `loss_baseline` are those of a constant prediction, None where they are not known. `best_loss` and `best_score` are (step, value) of the best evaluation, which is so by `monitored`.
    `writes`: a language model leaves texts, of which `samples` are the newest, the newest first. `events` are the newest first, with what is routine folded; `all_events` are those in full.
    """

    end: float = 1.0
    newest: float = 0.0
    clock: Clock = NO_CLOCK
    loss: Series = EMPTY_SERIES
    plain_loss: Series = EMPTY_SERIES
    loss_terms: tuple[str, ...] = ()
    val_loss: Series = EMPTY_SERIES
    score: str = ACCURACY
    val_score: Series = EMPTY_SERIES
    baseline: float | None = None
    loss_baseline: float | None = None
    train_accuracy: Series = EMPTY_SERIES
    grad_norm: Series = EMPTY_SERIES
    lr: Series = EMPTY_SERIES
    planned: Series = EMPTY_SERIES
    planned_last: float | None = None
    clipped: float | None = None
    last: Mapping[str, float] = MappingProxyType({})
    best_loss: tuple[float, float] | None = None
    best_score: tuple[float, float] | None = None
    monitored: Monitored = NO_MONITOR
    picked: tuple[MetricCurve, ...] = ()
    healthy: tuple[float, float] = (1.0, 100.0)
    events: tuple[EventLine, ...] = ()
    all_events: tuple[EventLine, ...] = ()
    marks: tuple[Mark, ...] = ()
    checkpoints: tuple[Mark, ...] = ()
    unreadable: str = ""
    writes: bool = False
    samples: tuple[TextSample, ...] = ()


def read_overview(source: ReadContext, view: ChartView) -> OverviewPart:
    """Read the curves in the window of the view, the plan, and what is worth saying about them."""
    reader = source.run
    if reader is None:
        return OverviewPart()
    steps, evals, plan = (reader.stream(name) for name in (STEPS, EVALS, PLAN))
    step, end = seen_to(reader)
    window, planned_end = view.window, float(max(reader.status.steps, 1))
    seen = {"first": 0.0, "last": end} if window is None else {"first": window.first, "last": window.last}
    planned = {"first": 0.0, "last": planned_end} if window is None else seen
    healthy = (monitor_setting(reader, "healthy_low", 1.0), monitor_setting(reader, "healthy_high", 100.0))
    loss, grad_norm, plain_loss, train_accuracy = steps.series_of([LOSS, GRAD_NORM, PLAIN_LOSS, TRAIN_ACCURACY], bins=BINS, **seen)
    score = reader.status.beside_loss
    val_loss, val_score = evals.series_of([LOSS, score], bins=BINS, **seen)
    all_loss, all_scores = (val_loss, val_score) if window is None else evals.series_of([LOSS, score], bins=BINS, first=0.0, last=end)
    best = best_points(reader, {LOSS: all_loss, score: all_scores})
    lr = steps.series(LR, bins=BINS, **planned)
    events, all_events = event_list(reader, source.facts.report.findings if source.facts.report is not None else ())
    return OverviewPart(
        end=end,
        newest=step,
        clock=clock_of(reader, view),
        loss=loss,
        plain_loss=plain_loss,
        loss_terms=tuple(loss_terms(reader)),
        val_loss=val_loss,
        score=score,
        val_score=val_score,
        baseline=known_baseline(reader, score),
        loss_baseline=known_baseline(reader, LOSS),
        train_accuracy=train_accuracy,
        grad_norm=grad_norm,
        lr=lr,
        planned=plan.series(LR, bins=BINS, **planned),
        planned_last=last_planned(plan),
        clipped=share_clipped(reader),
        last=last_values(steps, evals, {LOSS: loss, GRAD_NORM: grad_norm, LR: lr, PLAIN_LOSS: plain_loss, **({} if score == LOSS else {score: all_scores}), VAL_LOSS: all_loss, TRAIN_ACCURACY: train_accuracy}),
        picked=read_picked(reader, view, end) if view.picked else (),
        best_loss=best.get(LOSS),
        best_score=best.get(score),
        monitored=reader.status.monitored,
        healthy=healthy,
        events=events,
        all_events=all_events,
        marks=event_marks(reader.rare),
        checkpoints=checkpoint_marks(reader.events),
        unreadable=steps.unreadable,
        writes=writes(reader),
        samples=tuple(reader.samples()[: -MOST_SAMPLES - 1 : -1]),
    )


def known_baseline(reader: RunReader, metric: str) -> float | None:
    """That of the newest evaluation."""
    return float(known) if isinstance(known := reader.status.baselines.get(metric), int | float) and math.isfinite(known) else None


def last_planned(plan: StreamReader) -> float | None:
    """The learning rate that the schedule ends with."""
    found = plan.last_finite(LR)
    return found[1] if found is not None else None


def writes(reader: RunReader) -> bool:
    """Whether the run is that of a language model that leaves texts, or has left some."""
    return bool(reader.samples()) or (present(reader, "data").get("kind") == TEXT and bool(present(reader, "sample").get("every")))


def read_picked(reader: RunReader, view: ChartView, end: float) -> tuple[MetricCurve, ...]:
    """The picked metrics that the run has recorded."""
    from gradtop.tui.reading.metrics import all_metrics, curve_of

    there = all_metrics(reader)
    return tuple(curve_of(there[name], view, end, BINS, reader.status.baselines) for name in view.picked if name in there)


def last_values(steps: StreamReader, evals: StreamReader, drawn: Mapping[str, Series]) -> dict[str, float]:
    """The newest finite values of what is drawn, by the names of `gradtop plot`: those that events, `show` and `plot` give."""
    places = {LOSS: (steps, LOSS), GRAD_NORM: (steps, GRAD_NORM), LR: (steps, LR), PLAIN_LOSS: (steps, PLAIN_LOSS), TRAIN_ACCURACY: (steps, TRAIN_ACCURACY), VAL_LOSS: (evals, LOSS)}
    found = {}
    for name, series in drawn.items():
        stream, column = places.get(name, (evals, name))
        # Where nothing was measured, all of the stream would be searched.
        if any(series.finite) and (last := stream.last_finite(column)) is not None:
            found[name] = last[1]
    return found


def best_points(reader: RunReader, there: Mapping[str, Series]) -> dict[str, tuple[float, float]]:
    """The step of the best evaluation and its value of each of these metrics, where that is known."""
    status = reader.status
    series = there.get(status.monitor) or reader.stream(EVALS).series(status.monitor, bins=BINS)
    best = best_of(series, lowest=status.monitor_mode != "max")
    if best is None:
        return {}
    values = {name: best[1] if name == status.monitor else status.metric_at_best(name) for name in there}
    return {name: (best[0], value) for name, value in values.items() if value is not None}


def best_of(series: Series, *, lowest: bool) -> tuple[float, float] | None:
    """Step and value of the best finite record; of equals the first."""
    best, values = None, series.low if lowest else series.high
    for x, value in zip(series.x, values, strict=True):
        if math.isfinite(value) and (best is None or (value < best[1] if lowest else value > best[1])):
            best = (x, value)
    return best


def newest(reader: RunReader) -> float:
    """The last recorded step: status.json may be a moment behind."""
    last = reader.stream(STEPS).last()
    return float(last[STEP]) if last is not None else 0.0


def seen_to(reader: RunReader) -> tuple[float, float]:
    """The newest step, and the right end of an axis of steps: that step once the run has ended."""
    step = max(reader.status.step, newest(reader))
    return step, float(max(step, 1)) if reader.state.has_ended else axis_end(step, reader.status.steps)


def axis_end(step: float, steps: int) -> float:
    """The right end of the axis: the last step of the plan, or the next round number above 1.02 × the present step."""
    need = max(10.0, step * 1.02)
    if steps and need >= 0.8 * steps:
        return float(max(steps, step))
    scale = 10.0 ** (len(str(int(need))) - 1)
    ceiling = next((scale * c for c in (CEILINGS if need > FEW_STEPS else FIRST_CEILINGS) if scale * c >= need), 10 * scale)
    return min(ceiling, float(steps)) if steps else ceiling


def present(reader: RunReader, table: str) -> Mapping[str, Any]:
    """A table of the configuration as it is now, live changes included."""
    found = effective(reader.config, reader.status.changes).get(table, {})
    return found if isinstance(found, Mapping) else {}


def monitor_setting(reader: RunReader, name: str, default: float) -> float:
    value = present(reader, "monitor").get(name, default)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default


def share_clipped(reader: RunReader) -> float | None:
    """The share of the last 500 measured steps whose gradient was clipped; None where clipping is off."""
    hits = [value for value in reader.stream(STEPS).newest(CLIPPED, 500) if not math.isnan(value)]
    training = present(reader, "training")
    clips = bool(training.get("clip") or training.get("clip_value"))
    return sum(hits) / len(hits) if hits and (clips or any(hits)) else None
