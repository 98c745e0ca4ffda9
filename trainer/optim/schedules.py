"""Learning-rate schedules by kind, composed of torch's schedulers; each is stepped once after each optimizer step."""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
)

from gradtop.trainer.config.schedule import (
    CosineRestartsSchedule,
    CosineSchedule,
    ExponentialSchedule,
    LinearSchedule,
    MultiStepSchedule,
    OneCycleSchedule,
    PlateauSchedule,
    PolynomialSchedule,
    ScheduleConfig,
    StepSchedule,
    WarmUp,
    WsdSchedule,
)


def build_schedule(
    config: ScheduleConfig, optimizer: Optimizer, *, total_steps: int, steps_per_epoch: int
) -> LRScheduler:
    """The schedule of a training of `total_steps` optimizer steps.

    A warm-up's first step takes `warmup_start` of the learning rate, the step after its last one all of it. Drops stand
    at the ends of epochs (or at steps) counted from the first step, whether or not there is a warm-up.
    """
    warm = min(warmup_steps(config, steps_per_epoch), total_steps)
    if isinstance(config, PlateauSchedule):
        return Plateau(config, optimizer, _warm_up(config, optimizer, warm), warm)
    parts = [(0, _warm_up(config, optimizer, warm))] if isinstance(config, WarmUp) and warm else []
    parts += _main(config, optimizer, warm, total_steps, steps_per_epoch)
    if len(parts) == 1:
        return parts[0][1]
    return SequentialLR(optimizer, [part for _, part in parts], milestones=[first for first, _ in parts[1:]])


def warmup_steps(config: ScheduleConfig, steps_per_epoch: int) -> int:
    if not isinstance(config, WarmUp):
        return 0
    return config.warmup_steps or round(config.warmup_epochs * steps_per_epoch)


def _main(
    config: ScheduleConfig, optimizer: Optimizer, warm: int, total: int, per_epoch: int
) -> list[tuple[int, LRScheduler]]:
    """What follows the warm-up: schedulers, each with the step at which it begins."""
    # The schedule is stepped once less than the optimizer before the last step, which takes the last value.
    length = max(total - 1 - warm, 1)
    unit = per_epoch if getattr(config, "unit", "steps") == "epochs" else 1
    match config:
        case StepSchedule():
            return [(warm, _drops(optimizer, config.gamma, config.step_size * unit, warm))]
        case MultiStepSchedule():
            # Not MultiStepLR, whose Counter is no longer one when it comes back from a checkpoint.
            drops, gamma = [milestone * unit for milestone in config.milestones], config.gamma
            return [(warm, LambdaLR(optimizer, lambda done: gamma ** bisect_right(drops, done + warm)))]
        case ExponentialSchedule() if unit == 1:
            return [(warm, ExponentialLR(optimizer, config.gamma))]
        case ExponentialSchedule():
            return [(warm, _drops(optimizer, config.gamma, unit, warm))]
        case LinearSchedule():
            return [(warm, LinearLR(optimizer, 1.0, _share(config.min_lr, optimizer), length))]
        case PolynomialSchedule():
            return [(warm, PolynomialLR(optimizer, length, config.power))]
        case CosineSchedule():
            return [(warm, CosineAnnealingLR(optimizer, length, config.min_lr))]
        case CosineRestartsSchedule():
            return [(warm, CosineAnnealingWarmRestarts(optimizer, config.period * unit, config.growth, config.min_lr))]
        case OneCycleSchedule():
            return [(warm, _one_cycle(config, optimizer, total - warm))]
        case WsdSchedule():
            return _stable_then_decay(config, optimizer, warm, total)
        case _:
            return [(warm, _constant(optimizer))]


def _drops(optimizer: Optimizer, gamma: float, every: int, warm: int) -> LRScheduler:
    """A drop every so many steps, counted from the first step of training, `warm` steps before this one's."""
    return LambdaLR(optimizer, lambda done: gamma ** ((done + warm) // every))


def _constant(optimizer: Optimizer) -> LRScheduler:
    return ConstantLR(optimizer, factor=1.0, total_iters=0)


def _warm_up(config: WarmUp, optimizer: Optimizer, steps: int) -> LRScheduler:
    if not steps:
        return _constant(optimizer)
    if config.warmup_shape == "linear":
        return LinearLR(optimizer, config.warmup_start, 1.0, steps)
    start = config.warmup_start

    def share(done: int) -> float:
        return start + (1 - start) * (1 - math.cos(math.pi * min(done, steps) / steps)) / 2

    return LambdaLR(optimizer, share)


def _share(rate: float, optimizer: Optimizer) -> float:
    """A learning rate as a share of the one that the optimizer was built with."""
    return min(rate / _full(optimizer), 1.0)


def _full(optimizer: Optimizer) -> float:
    """The learning rate without the warm-up that another scheduler has begun with."""
    group = optimizer.param_groups[0]
    return float(group.get("initial_lr", group["lr"]))


def _one_cycle(config: OneCycleSchedule, optimizer: Optimizer, steps: int) -> LRScheduler:
    # Both its phases need a step, however short the run or the share; torch divides by the length of each.
    steps = max(steps, 4)
    rise = min(max(config.rise, 2 / steps), 1 - 2 / steps)
    return OneCycleLR(
        optimizer,
        max_lr=_full(optimizer),
        total_steps=steps,
        pct_start=rise,
        anneal_strategy=config.shape,
        # Momentum is a setting of its own, which can be changed live.
        cycle_momentum=False,
        div_factor=config.div_factor,
        final_div_factor=config.final_div_factor,
    )


def _stable_then_decay(config: WsdSchedule, optimizer: Optimizer, warm: int, total: int) -> list[tuple[int, LRScheduler]]:
    turn = max(total - max(round(config.decay * total), 1), warm)
    length = max(total - 1 - turn, 1)
    if config.decay_shape == "cosine":
        decay: LRScheduler = CosineAnnealingLR(optimizer, length, config.min_lr)
    else:
        decay = LinearLR(optimizer, 1.0, _share(config.min_lr, optimizer), length)
    return [(turn, decay)] if turn == warm else [(warm, _constant(optimizer)), (turn, decay)]


class Plateau(LRScheduler):
    """A warm-up, then torch's ReduceLROnPlateau, which is told each validation loss by `evaluated`.

    While it warms up no loss lowers the learning rate.
    """

    def __init__(self, config: PlateauSchedule, optimizer: Optimizer, warm_up: LRScheduler, warm: int) -> None:
        self.optimizer = optimizer
        self._warm = warm
        self._full = _full(optimizer)
        self._schedulers = [warm_up]
        self._plateau = ReduceLROnPlateau(
            optimizer, factor=config.factor, patience=config.patience, threshold=config.threshold, min_lr=config.min_lr
        )
        self._last_lr = warm_up.get_last_lr()

    def step(self, epoch: int | None = None) -> None:  # noqa: ARG002 - torch's signature
        # One that is over would take back what was lowered since.
        if self._schedulers[0].last_epoch < self._warm:
            self._schedulers[0].step()
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def evaluated(self, loss: float) -> None:
        """Take a validation loss into account; one that is not finite counts as no better."""
        if self._schedulers[0].last_epoch < self._warm:
            return
        self._plateau.step(loss if math.isfinite(loss) else math.inf)
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def take_over(self, state: Mapping[str, Any]) -> None:
        """Go on, with a learning rate of one's own, from the losses that another training of this kind was told."""
        before = state["plateau"]
        for name in ("best", "num_bad_epochs", "cooldown_counter", "last_epoch"):
            setattr(self._plateau, name, before[name])
        self.lower(state["lowered"])

    @property
    def lowered(self) -> float:
        """What is left of the learning rate; 1 while it warms up."""
        if self._schedulers[0].last_epoch < self._warm:
            return 1.0
        return float(self.optimizer.param_groups[0]["lr"]) / self._full

    def lower(self, share: float) -> None:
        if share != 1.0:
            for group, bound in zip(self.optimizer.param_groups, self._plateau.min_lrs, strict=True):
                group["lr"] = max(group["lr"] * share, bound)
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {
            "warm_up": self._schedulers[0].state_dict(),
            "plateau": self._plateau.state_dict(),
            "full": self._full,
            "lowered": self.lowered,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._schedulers[0].load_state_dict(state_dict["warm_up"])
        self._plateau.load_state_dict(state_dict["plateau"])
        self._full = state_dict["full"]
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def scale(self, factor: float) -> None:
        self._full *= factor
        self._plateau.min_lrs = [bound * factor for bound in self._plateau.min_lrs]


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
        if isinstance(one, Plateau):
            one.scale(factor)
        one._last_lr = [last * factor for last in one._last_lr]  # noqa: SLF001 - what get_last_lr and a resume read


def advance(schedule: LRScheduler, steps: int) -> None:
    """Put a schedule that has just been built where it stands after so many optimizer steps."""
    # It warns where no step of the optimizer came first; those were taken by another process.
    schedule.optimizer._opt_called = True  # type: ignore[attr-defined]  # noqa: SLF001 - what the warning looks at
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")
        for _ in range(steps):
            schedule.step()


def _parts(schedule: LRScheduler) -> Iterator[Any]:
    yield schedule
    for inner in getattr(schedule, "_schedulers", ()):
        yield from _parts(inner)
