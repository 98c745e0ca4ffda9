"""What the schedule mode shows: the learning rate so far, and planned to the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradtop.trainer.analysis.lr_turns import Turn, lr_turns, recorded_turns
from gradtop.trainer.analysis.marks import event_marks
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import EMPTY_SERIES, Series
from gradtop.trainer.record.streams.registry import LR, PLAN, STEPS
from gradtop.tui.reading.chart_view import NO_CLOCK, ChartView, Clock, clock_of
from gradtop.tui.screens.overview.data import last_planned, present

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext

BINS = 720
LABELS = {"warmup_end": "warm-up ends", "restart": "restart", "peak": "peak", "decay_start": "decay begins"}


class SchedulePart(NamedTuple):
    """`marks` are (step, what happens there); `per_epoch` steps make an epoch."""

    steps: int = 0
    per_epoch: int = 0
    lr: Series = EMPTY_SERIES
    planned: Series = EMPTY_SERIES
    clock: Clock = NO_CLOCK
    marks: tuple[tuple[float, str], ...] = ()
    kind: str = ""
    warmup: int = 0
    now: float | None = None
    highest: float | None = None
    last: float | None = None


def read_schedule(source: ReadContext, view: ChartView) -> SchedulePart:
    reader = source.run
    if reader is None:
        return SchedulePart()
    status, schedule = reader.status, present(reader, "schedule")
    steps = status.steps
    per_epoch = status.steps_per_epoch
    plan = reader.stream(PLAN)
    turns = recorded_turns(plan.extra)
    if turns is None:
        turns = lr_turns(schedule, steps, per_epoch)
    end = float(max(steps, 1))
    window = view.window
    first, last = (0.0, end) if window is None else (window.first, window.last)
    planned = plan.series(LR, bins=BINS, first=0.0, last=end)
    finite = [value for value in planned.high if value == value]
    return SchedulePart(
        steps=steps,
        per_epoch=per_epoch,
        lr=reader.stream(STEPS).series(LR, bins=BINS, first=first, last=last),
        planned=planned,
        clock=clock_of(reader, view),
        marks=tuple(sorted([*turn_marks(turns), *event_marks(reader.rare)])),
        kind=str(schedule.get("kind", "")),
        warmup=next((turn.step for turn in turns if turn.what == "warmup_end"), 0),
        now=status.lr,
        highest=max(finite, default=None),
        last=last_planned(plan),
    )


def turn_marks(turns: Sequence[Turn], most: int = 12) -> list[tuple[float, str]]:
    """The turning points that a person looks for, as marks of the chart; of many drops or restarts every n-th."""
    shown = [turn for turn in turns if turn.what == "drop" or turn.what in LABELS]
    ends = [turn for turn in shown if turn.what == "warmup_end"]
    others = [turn for turn in shown if turn.what != "warmup_end"]
    return [(float(turn.step), label(turn)) for turn in [*ends, *others[:: max(1, -(-len(others) // most))]]]


def label(turn: Turn) -> str:
    return f"× {turn.factor:g}" if turn.what == "drop" else LABELS[turn.what]
