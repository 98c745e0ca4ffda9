"""Every kind of schedule, the learning rates that their formulas give, and those that a training takes."""

from __future__ import annotations

import itertools
import math
from types import MethodType

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from gradtop.trainer.optim.lr_scheduler import build_schedule
from gradtop.trainer.optim.schedules import ScheduleConfig, WarmUp
from gradtop.trainer.optim.schedules.constant import ConstantSchedule
from gradtop.trainer.optim.schedules.cosine import CosineSchedule
from gradtop.trainer.optim.schedules.cosine_restarts import CosineRestartsSchedule
from gradtop.trainer.optim.schedules.exponential import ExponentialSchedule
from gradtop.trainer.optim.schedules.linear import LinearSchedule
from gradtop.trainer.optim.schedules.multistep import MultiStepSchedule
from gradtop.trainer.optim.schedules.one_cycle import OneCycleSchedule
from gradtop.trainer.optim.schedules.plateau import PlateauSchedule
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


def still(_optimizer: Optimizer) -> None:
    """In place of a step, of which 126,000 are taken."""


def training(config: ScheduleConfig, steps: int = STEPS) -> tuple[Optimizer, LRScheduler]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=LR)
    optimizer.step = MethodType(still, optimizer)  # type: ignore[method-assign]  # of its steps a schedule wants to know only that there are some
    return optimizer, build_schedule(config, optimizer, total_steps=steps, steps_per_epoch=PER_EPOCH)


def train(optimizer: Optimizer, schedule: LRScheduler, steps: int) -> list[float]:
    taken = []
    for _ in range(steps):
        taken.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return taken
