"""What the page of all metrics shows: those that match, and the curves of those that are seen."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from gradtop.trainer.analysis.marks import Mark, checkpoint_marks, event_marks
from gradtop.trainer.analysis.text import loss_terms
from gradtop.trainer.record import RunReader, RunState
from gradtop.trainer.record.streams.registry import PLAIN_LOSS
from gradtop.tui.reading.chart_view import NO_CLOCK, WHOLE_RUN, ChartView, Clock, clock_of
from gradtop.tui.reading.metrics import MetricCurve, all_metrics, curve_of, matching
from gradtop.tui.screens.overview.data import seen_to

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext

BINS = 240
EVERY = 3.0  # seconds


@dataclass(frozen=True, slots=True)
class MetricsView:
    """What was typed, which of the matches is seen first, and how many are; or the one metric that is seen `alone`."""

    seen: ChartView = WHOLE_RUN
    typed: str = ""
    first: int = 0
    count: int = 6
    alone: str = ""


@dataclass(frozen=True, slots=True)
class MetricsPart:
    """`names` match, of so many in `total`; `curves` are those from number `first` on. `end` is the right end of the axis of steps."""

    names: tuple[str, ...] = ()
    total: int = 0
    first: int = 0
    curves: tuple[MetricCurve, ...] = ()
    end: float = 1.0
    newest: float = 0.0
    clock: Clock = NO_CLOCK
    marks: tuple[Mark, ...] = ()
    checkpoints: tuple[Mark, ...] = ()


_kept: WeakKeyDictionary[RunReader, tuple[MetricsPart, MetricsView, float]] = WeakKeyDictionary()


def read_metrics(source: ReadContext, view: MetricsView) -> MetricsPart:
    """Read the curves that are seen, and no others; while training goes on so seldom that a dozen of changing figures can be read."""
    reader = source.run
    if reader is None:
        return MetricsPart()
    now, kept = time.monotonic(), _kept.get(reader)
    if kept is not None and kept[1] == view and now < kept[2] and reader.state is RunState.TRAINING:
        return kept[0]
    part = _read(reader, view)
    _kept[reader] = (part, view, now + EVERY)
    return part


def _read(reader: RunReader, view: MetricsView) -> MetricsPart:
    there = all_metrics(reader)
    names = [view.alone] if view.alone in there else matching(there, view.typed)
    newest, end = seen_to(reader)
    first = max(0, min(view.first, len(names) - 1))
    curves = tuple(explained(curve_of(there[name], view.seen, end, BINS, reader.status.baselines), reader) for name in names[first : first + view.count])
    return MetricsPart(
        tuple(names), len(there), first, curves, end, newest, clock_of(reader, view.seen), event_marks(reader.rare), checkpoint_marks(reader.events)
    )


def explained(curve: MetricCurve, reader: RunReader) -> MetricCurve:
    """Why there is no loss without label smoothing beside the loss."""
    if curve.name != PLAIN_LOSS or curve.unavailable or any(curve.series.finite):
        return curve
    terms = loss_terms(reader)
    mixing = [term for term in terms if not term.startswith("label")]
    if terms and not mixing:
        return curve  # not yet, or not in this part
    return replace(curve, unavailable=f"not measured with {' and '.join(mixing)}" if mixing else "the same as loss")
