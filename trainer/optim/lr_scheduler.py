"""Learning-rate schedulers, built of torch's own from a schedule's declaration; each is stepped once after each optimizer step."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, SequentialLR

from gradtop.trainer.optim.jump import jump
from gradtop.trainer.optim.phase import scheduler_of
from gradtop.trainer.optim.schedules import ScheduleConfig, Span

# Up to here a schedule is stepped, as in a training, bit for bit. A million steps hold up a training for two seconds.
STEPPED = 2_000


def build_schedule(config: ScheduleConfig, optimizer: Optimizer, *, total_steps: int, steps_per_epoch: int) -> LRScheduler:
    """The scheduler of a run of `total_steps` optimizer steps; the learning rate of `optimizer` is the full one."""
    phases = config.phases(Span(total_steps, steps_per_epoch), float(optimizer.param_groups[0]["lr"]))
    made = [scheduler_of(phase, optimizer) for phase in phases]
    return made[0] if len(made) == 1 else SequentialLR(optimizer, made, milestones=[phase.first for phase in phases[1:]])


def scale(optimizer: Optimizer, schedule: LRScheduler, factor: float) -> None:
    """Multiply the whole schedule, its lower bounds included, by `factor` from the next step on."""
    for group in optimizer.param_groups:
        for name in ("lr", "initial_lr", "max_lr", "min_lr"):
            if name in group:
                group[name] *= factor
    for one in _parts(schedule):
        # A scheduler that only combines others has no values of its own but the last one.
        if hasattr(one, "base_lrs"):
            one.base_lrs = [base * factor for base in one.base_lrs]
        if hasattr(one, "eta_min"):
            one.eta_min *= factor
        if scaled := getattr(one, "scale", None):
            scaled(factor)
        one._last_lr = [last * factor for last in one._last_lr]  # noqa: SLF001 - what get_last_lr and a resume read


def take_history(schedule: LRScheduler, saved: Mapping[str, Any], *, judged_alike: bool) -> None:
    """Continue with what the scheduler of another run of the same kind has seen, where its kind keeps more than the step."""
    if take_over := getattr(schedule, "take_over", None):
        take_over(saved, judged_alike=judged_alike)


def advance(schedule: LRScheduler, steps: int) -> None:
    """Put a schedule that has just been built where it stands after so many optimizer steps."""
    # It warns where no step of the optimizer came first; those were taken by another process.
    schedule.optimizer._opt_called = True  # type: ignore[attr-defined]  # noqa: SLF001 - what the warning looks at
    if steps > STEPPED and jump(schedule, steps):
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")
        for _ in range(steps):
            schedule.step()


def _parts(schedule: LRScheduler) -> Iterator[Any]:
    yield schedule
    for inner in getattr(schedule, "_schedulers", ()):
        yield from _parts(inner)
