"""What the schedule mode shows: the learning rate so far, and planned to the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradtop.trainer.analysis.marks import event_marks
from gradtop.trainer.record import EMPTY_SERIES, Series
from gradtop.trainer.record.streams.registry import LR, PLAN, STEPS
from gradtop.tui.screens.overview.data import present

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import Source

BINS = 720


@dataclass(frozen=True, slots=True)
class SchedulePart:
    """`marks` are (step, what happens there); `per_epoch` steps make an epoch."""

    steps: int = 0
    per_epoch: int = 0
    lr: Series = EMPTY_SERIES
    planned: Series = EMPTY_SERIES
    marks: tuple[tuple[float, str], ...] = ()
    kind: str = ""
    warmup: int = 0
    now: float | None = None
    highest: float | None = None
    last: float | None = None


def read_schedule(source: Source, view: object) -> SchedulePart:  # noqa: ARG001 - it has nothing to choose
    reader = source.run
    if reader is None:
        return SchedulePart()
    status, schedule = reader.status, present(reader, "schedule")
    steps = status.steps
    per_epoch = status.steps_per_epoch
    end = float(max(steps, 1))
    planned = reader.stream(PLAN).series(LR, bins=BINS, first=0.0, last=end)
    finite = [value for value in planned.high if value == value]
    lows = [value for value in planned.mean if value == value]
    return SchedulePart(
        steps=steps,
        per_epoch=per_epoch,
        lr=reader.stream(STEPS).series(LR, bins=BINS, first=0.0, last=end),
        planned=planned,
        marks=tuple(sorted([*marks(schedule, steps, per_epoch), *event_marks(reader.rare)])),
        kind=str(schedule.get("kind", "")),
        warmup=warmup_of(schedule, per_epoch),
        now=status.lr,
        highest=max(finite, default=None),
        last=lows[-1] if lows else None,
    )


def whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def marks(schedule: Mapping[str, Any], steps: int, per_epoch: float, most: int = 12) -> list[tuple[float, str]]:
    """Where the plan turns: the end of the warm-up, each drop, each restart; many of them are thinned."""
    warmup = warmup_of(schedule, per_epoch)
    found = [(float(warmup), "warm-up ends")] if 0 < warmup < steps else []
    unit = 1.0 if schedule.get("unit") == "steps" else per_epoch
    gamma = schedule.get("gamma")
    label = f"× {gamma:g}" if isinstance(gamma, int | float) else "drop"
    match schedule.get("kind"):
        case "step":
            turns = repeated(whole(schedule.get("step_size")) * unit, 1, steps)
        case "multistep":
            listed = schedule.get("milestones")
            turns = [whole(each) * unit for each in listed] if isinstance(listed, list | tuple) else []
        case "cosine_restarts":
            lengths = repeated(whole(schedule.get("period")) * unit, max(1, whole(schedule.get("growth"))), steps - warmup)
            turns, label = [warmup + turn for turn in lengths], "restart"
        case "wsd":
            share = schedule.get("decay")
            turns, label = [steps * (1 - share)] if isinstance(share, int | float) else [], "decay begins"
        case _:
            turns = []
    turns = [turn for turn in turns if warmup < turn < steps]
    return found + [(turn, label) for turn in turns[:: max(1, -(-len(turns) // most))]]


def warmup_of(schedule: Mapping[str, Any], per_epoch: float) -> int:
    """The steps of the warm-up, given in steps or in epochs."""
    epochs = schedule.get("warmup_epochs")
    given = whole(schedule.get("warmup_steps"))
    return given or (round(epochs * per_epoch) if isinstance(epochs, int | float) and epochs > 0 else 0)


def repeated(length: float, growth: int, end: float) -> list[float]:
    """The ends of lengths one after the other, each `growth` times as long as the one before; a thousand at most."""
    ends: list[float] = []
    at = length
    while length > 0 and at < end and len(ends) < 1000:
        ends.append(at)
        length *= growth
        at += length
    return ends
