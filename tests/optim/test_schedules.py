from __future__ import annotations

import copy
import itertools
import math

import pytest
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.optim.lr_scheduler import advance, build_schedule, scale
from gradtop.trainer.optim.schedules import ScheduleConfig, WarmUp
from gradtop.trainer.optim.schedules.constant import ConstantSchedule
from gradtop.trainer.optim.schedules.cosine import CosineSchedule
from gradtop.trainer.optim.schedules.cosine_restarts import CosineRestartsSchedule
from gradtop.trainer.optim.schedules.exponential import ExponentialSchedule
from gradtop.trainer.optim.schedules.linear import LinearSchedule
from gradtop.trainer.optim.schedules.multistep import MultiStepSchedule
from gradtop.trainer.optim.schedules.one_cycle import OneCycleSchedule
from gradtop.trainer.optim.schedules.plateau import PlateauSchedule
from gradtop.trainer.optim.schedules.plateau.scheduler import Plateau
from gradtop.trainer.optim.schedules.polynomial import PolynomialSchedule
from gradtop.trainer.optim.schedules.step import StepSchedule
from gradtop.trainer.optim.schedules.wsd import WsdSchedule

LR, STEPS, PER_EPOCH = 0.2, 60, 5

MAIN: dict[str, ScheduleConfig] = {
    "constant": ConstantSchedule(),
    "step": StepSchedule(step_size=3, gamma=0.5),
    "step in steps": StepSchedule(step_size=4, gamma=0.9, unit="steps"),
    "multistep": MultiStepSchedule(milestones=(1, 4, 9), gamma=0.5),
    "multistep in steps": MultiStepSchedule(milestones=(3, 20, 41), gamma=0.5, unit="steps"),
    "exponential": ExponentialSchedule(gamma=0.8),
    "exponential in steps": ExponentialSchedule(gamma=0.97, unit="steps"),
    "linear": LinearSchedule(min_lr=1e-3),
    "polynomial": PolynomialSchedule(power=1.7),
    "cosine": CosineSchedule(min_lr=1e-3),
    "cosine with restarts": CosineRestartsSchedule(period=2, growth=2, min_lr=1e-3),
    "cosine with restarts in steps": CosineRestartsSchedule(period=7, min_lr=1e-3, unit="steps"),
    "plateau": PlateauSchedule(min_lr=1e-3),
    "wsd": WsdSchedule(decay=0.3, min_lr=1e-3),
    "wsd with a cosine": WsdSchedule(decay=0.3, decay_shape="cosine", min_lr=1e-3),
}
WARM_UPS: dict[str, dict[str, object]] = {
    "": {},
    " after a linear warm-up": {"warmup_steps": 7, "warmup_start": 0.1},
    " after a cosine warm-up of epochs": {"warmup_epochs": 1.4, "warmup_start": 0.1, "warmup_shape": "cosine"},
    " after one step of warm-up": {"warmup_steps": 1, "warmup_start": 0.5},
    " with a warm-up longer than training": {"warmup_steps": 100},
    " that ends with its warm-up": {"warmup_steps": STEPS - 1},
}
SCHEDULES: dict[str, ScheduleConfig] = {
    f"{kind}{warm}": config.model_copy(update=more) for (kind, config), (warm, more) in itertools.product(MAIN.items(), WARM_UPS.items())
} | {"one cycle": OneCycleSchedule(rise=0.25), "one cycle of lines": OneCycleSchedule(shape="linear", div_factor=10, final_div_factor=100)}
every_schedule = pytest.mark.parametrize("config", SCHEDULES.values(), ids=SCHEDULES)


def by_hand(config: ScheduleConfig, step: int, lr: float = LR, steps: int = STEPS) -> float:
    """What optimizer step `step`, counted from 1, should take."""
    done = step - 1
    if isinstance(config, OneCycleSchedule):
        return one_cycle(config, done, lr, steps)
    assert isinstance(config, WarmUp)
    warm = min(config.warmup_steps or round(config.warmup_epochs * PER_EPOCH), steps)
    if done < warm:
        way = done / warm
        if config.warmup_shape == "cosine":
            way = (1 - math.cos(math.pi * way)) / 2
        return lr * (config.warmup_start + (1 - config.warmup_start) * way)
    unit = PER_EPOCH if getattr(config, "unit", "") == "epochs" else 1
    way = min((done - warm) / max(steps - 1 - warm, 1), 1.0)
    match config:
        case StepSchedule():
            return lr * float(config.gamma ** (done // (config.step_size * unit)))
        case MultiStepSchedule():
            return lr * float(config.gamma ** sum(done >= milestone * unit for milestone in config.milestones))
        case ExponentialSchedule():
            return lr * float(config.gamma ** (done // unit if unit > 1 else done - warm))
        case LinearSchedule():
            return lr + (config.min_lr - lr) * way
        case PolynomialSchedule():
            return float(lr * (1 - way) ** config.power)
        case CosineSchedule():
            return cosine(lr, config.min_lr, way)
        case CosineRestartsSchedule():
            place, period = done - warm, config.period * unit
            while place >= period:
                place, period = place - period, period * config.growth
            return cosine(lr, config.min_lr, place / period)
        case WsdSchedule():
            turn = max(steps - max(round(config.decay * steps), 1), warm)
            way = max(done - turn, 0) / max(steps - 1 - turn, 1)
            return cosine(lr, config.min_lr, way) if config.decay_shape == "cosine" else lr + (config.min_lr - lr) * way
        case _:
            return lr


def cosine(high: float, low: float, way: float) -> float:
    return low + (high - low) * (1 + math.cos(math.pi * way)) / 2


def one_cycle(config: OneCycleSchedule, done: int, lr: float, steps: int) -> float:
    start, turn = lr / config.div_factor, config.rise * steps - 1
    begin, end, way = (start, lr, done / turn) if done <= turn else (lr, start / config.final_div_factor, (done - turn) / (steps - 1 - turn))
    return cosine(begin, end, way) if config.shape == "cos" else begin + (end - begin) * way


def training(config: ScheduleConfig, steps: int = STEPS) -> tuple[Optimizer, LRScheduler]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=LR)
    return optimizer, build_schedule(config, optimizer, total_steps=steps, steps_per_epoch=PER_EPOCH)


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
    for after in (0, 3, 7, 20, 50):
        optimizer, schedule = training(config)
        train(optimizer, schedule, after)
        scale(optimizer, schedule, 0.25)
        rest = train(optimizer, schedule, STEPS - after)

        expected = [0.25 * by_hand(config, step) for step in range(after + 1, STEPS + 1)]
        assert rest == pytest.approx(expected, abs=1e-12, rel=1e-12)
        assert schedule.get_last_lr() == [optimizer.param_groups[0]["lr"]]


@every_schedule
def test_a_schedule_put_where_training_stands_is_as_if_it_had_been_stepped(config: ScheduleConfig) -> None:
    whole = train(*training(config), STEPS)
    for after in (0, 6, 7, 33, STEPS):
        optimizer, schedule = training(config)
        advance(schedule, after)
        assert train(optimizer, schedule, STEPS - after) == whole[after:]


@every_schedule
def test_a_schedule_put_back_from_a_checkpoint_goes_on_bit_for_bit(config: ScheduleConfig) -> None:
    whole = train(*training(config), STEPS)
    for after in (0, 1, 6, 7, 8, 30, 47):
        optimizer, schedule = training(config)
        train(optimizer, schedule, after)
        state = checkpoint.detached({"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()})

        optimizer, schedule = training(config)
        optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        schedule.load_state_dict(copy.deepcopy(state["schedule"]))

        assert train(optimizer, schedule, STEPS - after) == whole[after:]


@every_schedule
def test_the_shortest_trainings_step_to_their_end(config: ScheduleConfig) -> None:
    for steps in (1, 2, 3):
        assert all(0 <= lr <= LR for lr in train(*training(config, steps), steps))


@pytest.mark.parametrize("kind", [ConstantSchedule(), CosineSchedule()])
def test_a_change_that_was_made_live_survives_a_checkpoint(kind: ScheduleConfig) -> None:
    config = kind.model_copy(update={"warmup_steps": 7})
    optimizer, schedule = training(config)
    train(optimizer, schedule, 4)
    scale(optimizer, schedule, 3.0)
    state = checkpoint.detached({"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()})
    rest = train(optimizer, schedule, STEPS - 4)

    optimizer, schedule = training(config)
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])

    assert train(optimizer, schedule, STEPS - 4) == rest


@pytest.mark.parametrize("kind", [ConstantSchedule(), StepSchedule(), CosineSchedule()])
def test_without_a_warm_up_nothing_is_combined(kind: ScheduleConfig) -> None:
    assert not hasattr(training(kind)[1], "_schedulers")


def with_losses(config: PlateauSchedule, losses: list[float], *, put_back_after: int = -1, scale_after: int = -1) -> list[float]:
    """The learning rate of the first step of each epoch."""
    optimizer, schedule = training(config)
    rates = []
    for epoch, loss in enumerate(losses):
        rates.append(train(optimizer, schedule, PER_EPOCH)[0])
        assert isinstance(schedule, Plateau)
        schedule.evaluated(loss)
        if epoch == put_back_after:
            state = copy.deepcopy((optimizer.state_dict(), schedule.state_dict()))
            optimizer, schedule = training(config)
            optimizer.load_state_dict(state[0])
            schedule.load_state_dict(state[1])
        if epoch == scale_after:
            scale(optimizer, schedule, 0.5)
    return rates


LOSSES = [1.0, 0.9, 0.9, 0.95, math.nan, 0.5, 0.5, 0.5, 0.5, 0.5]


@pytest.mark.parametrize("put_back_after", range(-1, 9))
def test_a_plateau_lowers_the_learning_rate_where_the_loss_no_longer_falls(put_back_after: int) -> None:
    config = PlateauSchedule(factor=0.1, patience=1, min_lr=1e-3)

    rates = with_losses(config, LOSSES, put_back_after=put_back_after)

    assert rates == pytest.approx([LR] * 4 + [0.02] * 4 + [2e-3] * 2)


def test_what_a_plateau_lowered_no_warm_up_takes_back() -> None:
    for shape in ("linear", "cosine"):
        config = PlateauSchedule(factor=0.1, patience=0, warmup_steps=7, warmup_shape=shape)

        rates = with_losses(config, [1.0] * 6)

        assert rates[2:] == pytest.approx([LR, LR / 10, LR / 100, LR / 1000])


def test_the_lower_bound_of_a_plateau_is_scaled_too() -> None:
    rates = with_losses(PlateauSchedule(factor=0.1, patience=0, min_lr=0.02), [1.0] * 5, scale_after=2)

    assert rates == pytest.approx([LR, LR, 0.02, 0.01, 0.01])
