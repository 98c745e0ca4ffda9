"""What the schedule mode shows: the learning rate so far, and planned to the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.record import EMPTY_SERIES, Series

if TYPE_CHECKING:
    from tui.poll import Source

BINS = 720


@dataclass(frozen=True, slots=True)
class SchedulePart:
    """`marks` are (step, what happens there); `per_epoch` steps make an epoch."""

    steps: int = 0
    per_epoch: float = 0.0
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
    status, config = reader.status, reader.config
    schedule = config.get("schedule", {})
    schedule = schedule if isinstance(schedule, dict) else {}
    steps = status.steps
    per_epoch = steps / status.epochs if status.epochs else 0.0
    end = float(max(steps, 1))
    planned = reader.stream("plan").series("lr", bins=BINS, first=0.0, last=end)
    finite = [value for value in planned.high if value == value]
    lows = [value for value in planned.mean if value == value]
    return SchedulePart(
        steps=steps,
        per_epoch=per_epoch,
        lr=reader.stream("steps").series("lr", bins=BINS, first=0.0, last=end),
        planned=planned,
        marks=tuple(marks(schedule, steps, per_epoch)),
        kind=str(schedule.get("kind", "")),
        warmup=whole(schedule.get("warmup_steps")),
        now=status.lr,
        highest=max(finite, default=None),
        last=lows[-1] if lows else None,
    )


def whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def marks(schedule: dict[str, object], steps: int, per_epoch: float, most: int = 12) -> list[tuple[float, str]]:
    """Where the plan turns: the end of the warm-up, each step of a step schedule; many steps are thinned."""
    found: list[tuple[float, str]] = []
    warmup = whole(schedule.get("warmup_steps"))
    if 0 < warmup < steps:
        found.append((float(warmup), "warm-up ends"))
    size = whole(schedule.get("step_size"))
    if schedule.get("kind") == "step" and size and per_epoch:
        gamma = schedule.get("gamma")
        label = f"× {gamma:g}" if isinstance(gamma, int | float) else "step"
        turns = [turn * size * per_epoch for turn in range(1, int(steps / (size * per_epoch)) + 1) if turn * size * per_epoch < steps]
        found += [(turn, label) for turn in turns[:: max(1, -(-len(turns) // most))]]
    return found
