"""The learning rates that a training will take, for the screens that draw them."""

from __future__ import annotations

import functools
import time

import torch
from torch import nn

from trainer.config.optimizer import OptimizerConfig
from trainer.config.schedule import ScheduleConfig, StepSchedule
from trainer.optim.schedules import build_schedule

POINTS = 2000
# A million steps take two seconds of Python, beside a training that needs the interpreter in each of its own steps:
# a millisecond at a time, then rest.
AT_ONCE = 500
REST = 0.009
UNHURRIED = 20_000  # steps that are cheap enough to be taken without a rest


def planned_lr(
    schedule: ScheduleConfig, optimizer: OptimizerConfig, *, total_steps: int, steps_per_epoch: int
) -> list[tuple[int, float]]:
    """The learning rates of optimizer steps 1 to `total_steps`, thinned to 2,000 points with every turn among them.

    They come from the scheduler itself, stepped in a training without weights.
    """
    return list(_planned(schedule, optimizer.lr, total_steps, steps_per_epoch))


@functools.lru_cache(maxsize=4)
def _planned(
    schedule: ScheduleConfig, lr: float, total_steps: int, steps_per_epoch: int
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
            if step % AT_ONCE == 0 and total_steps > UNHURRIED:
                time.sleep(REST)
        points.append((wanted, float(group["lr"])))
    return tuple(points)


def points_of(schedule: ScheduleConfig, total_steps: int, steps_per_epoch: int) -> list[int]:
    """The steps to tell of: both sides of every turn, as far as there is room, and between them evenly."""
    turns = {1, total_steps}
    if schedule.warmup_steps:
        turns |= {schedule.warmup_steps, schedule.warmup_steps + 1}
    if isinstance(schedule, StepSchedule):
        size = schedule.step_size * steps_per_epoch
        drops = range(size, total_steps, size * -(-total_steps // (size * POINTS // 4)))
        turns |= {side for drop in drops for side in (drop, drop + 1)}
    room = POINTS - len(turns)
    evenly = range(1, total_steps + 1, -(-total_steps // max(room, 1)))
    return sorted(step for step in turns.union(evenly) if 1 <= step <= total_steps)
