"""The learning rates that a training will take, for the screens that draw them."""

from __future__ import annotations

import functools
import time

import torch
from torch import nn

from gradtop.trainer.config.optimizer import OptimizerConfig
from gradtop.trainer.config.schedule import (
    CosineRestartsSchedule,
    ExponentialSchedule,
    MultiStepSchedule,
    OneCycleSchedule,
    ScheduleConfig,
    StepSchedule,
    WsdSchedule,
)
from gradtop.trainer.optim.schedules import build_schedule, warmup_steps

POINTS = 2000
# A million steps take two seconds of Python, beside a training that needs the interpreter in each of its own steps:
# a millisecond at a time, then rest.
AT_ONCE = 500
REST = 0.009
UNHURRIED = 20_000  # steps that are cheap enough to be taken without a rest


def planned_lr(
    schedule: ScheduleConfig, optimizer: OptimizerConfig, *, total_steps: int, steps_per_epoch: int, resting: bool = True
) -> list[tuple[int, float]]:
    """The learning rates of optimizer steps 1 to `total_steps`, thinned to 2,000 points with every turn among them.

    They come from the scheduler itself, stepped in a training without weights; not `resting` where no training goes on beside.
    """
    return list(_planned(schedule, optimizer.lr, total_steps, steps_per_epoch, resting))


@functools.lru_cache(maxsize=4)
def _planned(
    schedule: ScheduleConfig, lr: float, total_steps: int, steps_per_epoch: int, resting: bool
) -> tuple[tuple[int, float], ...]:
    dummy = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=lr)
    real = build_schedule(schedule, dummy, total_steps=total_steps, steps_per_epoch=steps_per_epoch)
    dummy.step()  # a scheduler warns where no optimizer step came first
    group = dummy.param_groups[0]
    points: list[tuple[int, float]] = []
    step = 1
    for wanted in points_of(schedule, total_steps, steps_per_epoch):
        while step < wanted:
            real.step()
            step += 1
            if resting and step % AT_ONCE == 0 and total_steps > UNHURRIED:
                time.sleep(REST)
        points.append((wanted, float(group["lr"])))
    return tuple(points)


def points_of(schedule: ScheduleConfig, total_steps: int, steps_per_epoch: int) -> list[int]:
    """The steps to tell of: both sides of every turn, as far as there is room, and between them evenly."""
    turns = {1, total_steps}
    for turn in turns_of(schedule, total_steps, steps_per_epoch):
        turns |= {turn, turn + 1}
    room = POINTS - len(turns)
    evenly = range(1, total_steps + 1, -(-total_steps // max(room, 1)))
    return sorted(step for step in turns.union(evenly) if 1 <= step <= total_steps)


def turns_of(schedule: ScheduleConfig, total_steps: int, steps_per_epoch: int) -> list[int]:
    """The last steps before the learning rate turns or leaps; of very many, evenly chosen ones."""
    unit = steps_per_epoch if getattr(schedule, "unit", "steps") == "epochs" else 1
    warm = warmup_steps(schedule, steps_per_epoch)
    turns = [warm] if warm else []
    match schedule:
        case StepSchedule():
            turns += range(schedule.step_size * unit, total_steps, schedule.step_size * unit)
        case MultiStepSchedule():
            turns += [milestone * unit for milestone in schedule.milestones]
        case ExponentialSchedule() if unit > 1:
            turns += range(unit, total_steps, unit)
        case CosineRestartsSchedule():
            place, period = warm, schedule.period * unit
            while place < total_steps:
                place += period
                period *= schedule.growth
                turns.append(place)
        case OneCycleSchedule():
            turns.append(warm + round(schedule.rise * (total_steps - warm)))
        case WsdSchedule():
            turns.append(max(total_steps - max(round(schedule.decay * total_steps), 1), warm))
        case _:
            pass
    turns = sorted({turn for turn in turns if 0 < turn < total_steps})
    return turns[:: -(-len(turns) // (POINTS // 4)) or 1]
