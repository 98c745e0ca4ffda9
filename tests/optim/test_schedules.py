from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from trainer import checkpoint
from trainer.config.schedule import ConstantSchedule, CosineSchedule, ScheduleConfig, StepSchedule
from trainer.live import scale_learning_rate
from trainer.optim import build_schedule

LR, STEPS, PER_EPOCH = 0.2, 60, 5

SCHEDULES: dict[str, ScheduleConfig] = {
    "constant": ConstantSchedule(),
    "constant after warm-up": ConstantSchedule(warmup_steps=7, warmup_start=0.1),
    "step": StepSchedule(step_size=3, gamma=0.5),
    "step after warm-up": StepSchedule(step_size=3, gamma=0.5, warmup_steps=7, warmup_start=0.1),
    "step with drops in the warm-up": StepSchedule(step_size=1, gamma=0.9, warmup_steps=12, warmup_start=0.25),
    "cosine": CosineSchedule(min_lr=1e-3),
    "cosine after warm-up": CosineSchedule(warmup_steps=7, warmup_start=0.1, min_lr=1e-3),
    "cosine after one step of warm-up": CosineSchedule(warmup_steps=1, warmup_start=0.5),
    "cosine with a warm-up longer than training": CosineSchedule(warmup_steps=100, min_lr=1e-3),
    "cosine that ends with its warm-up": CosineSchedule(warmup_steps=STEPS - 1, min_lr=1e-3),
}
every_schedule = pytest.mark.parametrize("config", SCHEDULES.values(), ids=SCHEDULES)


def by_hand(config: ScheduleConfig, step: int, lr: float = LR) -> float:
    """What optimizer step `step`, counted from 1, should take."""
    done = step - 1
    warm = config.warmup_steps
    share = config.warmup_start + (1 - config.warmup_start) * min(done, warm) / warm if warm else 1.0
    match config:
        case ConstantSchedule():
            return lr * share
        case StepSchedule():
            return lr * share * float(config.gamma ** (done // PER_EPOCH // config.step_size))
        case CosineSchedule():
            if done < warm:
                return lr * share
            way = (done - warm) / max(STEPS - 1 - warm, 1)
            return config.min_lr + (lr - config.min_lr) * (1 + math.cos(math.pi * way)) / 2


def training(config: ScheduleConfig) -> tuple[Optimizer, LRScheduler]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=LR)
    return optimizer, build_schedule(config, optimizer, total_steps=STEPS, steps_per_epoch=PER_EPOCH)


def train(optimizer: Optimizer, schedule: LRScheduler, steps: int) -> list[float]:
    taken = []
    for _ in range(steps):
        taken.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return taken


@every_schedule
def test_every_step_takes_the_learning_rate_of_the_formula(config: ScheduleConfig) -> None:
    taken = train(*training(config), STEPS)

    assert taken == pytest.approx([by_hand(config, step) for step in range(1, STEPS + 1)], abs=1e-12, rel=1e-12)


def test_a_cosine_takes_its_lowest_value_at_the_last_step_exactly() -> None:
    assert train(*training(CosineSchedule(min_lr=1e-3)), STEPS)[-1] == 1e-3


@every_schedule
def test_a_schedule_scaled_while_it_runs_is_the_scaled_schedule_from_then_on(config: ScheduleConfig) -> None:
    for after in (0, 3, 7, 20):
        optimizer, schedule = training(config)
        train(optimizer, schedule, after)
        scale_learning_rate(optimizer, schedule, 0.25)
        rest = train(optimizer, schedule, STEPS - after)

        expected = [0.25 * by_hand(config, step) for step in range(after + 1, STEPS + 1)]
        assert rest == pytest.approx(expected, abs=1e-12, rel=1e-12)
        assert schedule.get_last_lr() == [optimizer.param_groups[0]["lr"]]


@every_schedule
@pytest.mark.parametrize("after", [0, 1, 6, 7, 8, 30])
def test_a_schedule_put_back_from_a_checkpoint_goes_on_bit_for_bit(config: ScheduleConfig, after: int) -> None:
    whole = train(*training(config), STEPS)
    optimizer, schedule = training(config)
    train(optimizer, schedule, after)
    state = checkpoint.detached({"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()})

    optimizer, schedule = training(config)
    optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
    schedule.load_state_dict(copy.deepcopy(state["schedule"]))

    assert train(optimizer, schedule, STEPS - after) == whole[after:]


def test_a_change_that_was_made_live_survives_a_checkpoint() -> None:
    config = CosineSchedule(warmup_steps=7, min_lr=1e-3)
    optimizer, schedule = training(config)
    train(optimizer, schedule, 4)
    scale_learning_rate(optimizer, schedule, 3.0)
    state = checkpoint.detached({"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()})
    rest = train(optimizer, schedule, STEPS - 4)

    optimizer, schedule = training(config)
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])

    assert train(optimizer, schedule, STEPS - 4) == rest


@pytest.mark.parametrize("kind", [ConstantSchedule(), StepSchedule(), CosineSchedule()])
def test_without_a_warm_up_nothing_is_combined(kind: ScheduleConfig) -> None:
    assert not hasattr(training(kind)[1], "_schedulers")
