"""Learning-rate schedules by kind, composed of torch's schedulers; each is stepped once after each optimizer step."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    SequentialLR,
    StepLR,
)

from trainer.config.schedule import ConstantSchedule, CosineSchedule, ScheduleConfig, StepSchedule, WarmUp


def build_schedule(
    config: ScheduleConfig, optimizer: Optimizer, *, total_steps: int, steps_per_epoch: int
) -> LRScheduler:
    """The schedule of a training of `total_steps` optimizer steps, with no part in it that has nothing to do.

    A warm-up's first step takes `warmup_start` of the learning rate, the step after its last one all of it.
    """
    warmup = config.warmup_steps
    match config:
        case ConstantSchedule():
            # A warm-up stays where it ends: nothing has to follow it.
            return _warm_up(config, optimizer) if warmup else ConstantLR(optimizer, factor=1.0, total_iters=0)
        case StepSchedule():
            # The drops stand at the ends of epochs, counted from the first: a warm-up scales what the drops leave.
            size = config.step_size * steps_per_epoch
            if warmup:
                return ChainedScheduler([_warm_up(config, optimizer), StepLR(optimizer, size, config.gamma)])
            return StepLR(optimizer, size, config.gamma)
        case CosineSchedule():
            # The schedule is stepped once less than the optimizer before the last step, which takes the lowest value.
            length = max(total_steps - 1 - warmup, 1)
            if not warmup:
                return CosineAnnealingLR(optimizer, length, config.min_lr)
            parts: list[LRScheduler] = [_warm_up(config, optimizer), CosineAnnealingLR(optimizer, length, config.min_lr)]
            return SequentialLR(optimizer, parts, milestones=[warmup])


def _warm_up(config: WarmUp, optimizer: Optimizer) -> LinearLR:
    return LinearLR(optimizer, config.warmup_start, 1.0, config.warmup_steps)
