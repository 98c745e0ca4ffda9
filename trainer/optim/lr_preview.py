"""The learning rates that a training will take, for the screens that draw them."""

from __future__ import annotations

import functools

import torch
from torch import nn

from gradtop.trainer.optim.jump import jump
from gradtop.trainer.optim.lr_scheduler import STEPPED, build_schedule
from gradtop.trainer.optim.optimizers import OptimizerConfig
from gradtop.trainer.optim.schedules import ScheduleConfig, Span

POINTS = 2000


def planned_lr(
    schedule: ScheduleConfig, optimizer: OptimizerConfig, *, total_steps: int, steps_per_epoch: int, points: int = POINTS
) -> list[tuple[int, float]]:
    """The learning rates of optimizer steps 1 to `total_steps`, thinned to so many points with every turn among them.

    They come from the scheduler itself, in a training without weights: stepped where it is short, else by its formula.
    """
    return list(_planned(schedule, optimizer.lr, total_steps, steps_per_epoch, points))


@functools.lru_cache(maxsize=4)
def _planned(schedule: ScheduleConfig, lr: float, total_steps: int, steps_per_epoch: int, most: int) -> tuple[tuple[int, float], ...]:
    dummy = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=lr)
    real = build_schedule(schedule, dummy, total_steps=total_steps, steps_per_epoch=steps_per_epoch)
    dummy.step()  # a scheduler warns where no optimizer step came first
    group = dummy.param_groups[0]
    points: list[tuple[int, float]] = []
    step = 1
    for wanted in points_of(schedule, Span(total_steps, steps_per_epoch), most):
        if total_steps > STEPPED and wanted > step and jump(real, wanted - 1):
            step = wanted
        while step < wanted:
            real.step()
            step += 1
        points.append((wanted, float(group["lr"])))
    return tuple(points)


def points_of(schedule: ScheduleConfig, span: Span, most: int = POINTS) -> list[int]:
    """The steps to tell of: both sides of every turn, as far as there is room, and between them evenly."""
    steps = {1, span.steps}
    for turn in schedule.turns(span):
        steps |= {turn.step, turn.step + 1}
    room = most - len(steps)
    evenly = range(1, span.steps + 1, -(-span.steps // max(room, 1)))
    return sorted(step for step in steps.union(evenly) if 1 <= step <= span.steps)
