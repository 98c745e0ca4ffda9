"""What a live change does to a training at once, beside what was asked for: told before it is made, and in the answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.named_tuple import NamedTuple

if TYPE_CHECKING:
    from gradtop.trainer.config import Config

NOTED = 1.05  # from which factor on a learning rate that was not asked for is said
GRAVE = 2.0  # from which on it must be confirmed


class LiveConsequences(NamedTuple):
    """Whether training ends with the change, or the learning rate of the next step without and with it, where that leaps or is scaled.

    `grave`: somebody must confirm it. `unknown`: the learning rates are not known yet.
    """

    ends: bool = False
    lr: tuple[float, float] | None = None
    grave: bool = False
    unknown: bool = False

    def to_fields(self) -> dict[str, object]:
        """As they stand in the answer."""
        before, after = self.lr or (None, None)
        return ({"ends": True} if self.ends else {}) | ({"lr_before": before, "lr_after": after} if self.lr else {})


NO_CONSEQUENCES = LiveConsequences()


def live_consequences(
    old: Config, new: Config, *, step: int, per_epoch: int, rates: Callable[[], tuple[float, float] | None], now: float | None = None
) -> LiveConsequences:
    """Of a change from `old` to `new` after so many steps; `rates` gives the learning rates of the next step, None where unknown.

    `now` is the learning rate, where it is to be told to what a schedule that is scaled takes it.
    """
    if not reschedules(old, new):
        factor_asked = new.optimizer.lr / old.optimizer.lr
        if now is None or factor_asked == 1 or new.schedule.kind == "constant":
            return NO_CONSEQUENCES
        return LiveConsequences(lr=(now, now * factor_asked))
    if 0 < (new.training.steps or new.training.epochs * per_epoch) <= step:
        return LiveConsequences(ends=True, grave=True)
    if (found := rates()) is None:
        return LiveConsequences(grave=True, unknown=True)
    before, after = found
    scaled = new.optimizer.lr / old.optimizer.lr
    # A new learning rate is what was asked for; a leap is what comes beside it.
    expected = after if new.schedule.kind != old.schedule.kind and scaled != 1 else before * scaled
    leap = factor(expected, after)
    return LiveConsequences(lr=found, grave=leap >= GRAVE) if leap > NOTED else NO_CONSEQUENCES


class NewLearningRate(NamedTuple):
    """What a new learning rate makes of the one of now: `scaled` with the whole schedule, and its lower bound `min_lr` with it (before, after;
    None where there is none or it is changed as well); or `constant`, which ends the schedule.
    """

    now: float
    scaled: float
    constant: float
    factor: float
    min_lr: tuple[float, float] | None = None

    @property
    def scaled_text(self) -> str:
        """now 1.2e-3 → 2.9e-4 (scaled), min_lr 1e-5 → 2.4e-6"""
        bound = f", min_lr {' → '.join(map(significant, self.min_lr))}" if self.min_lr else ""
        return f"now {significant(self.now)} → {significant(self.scaled)} (scaled){bound}"


def new_learning_rate(old: Config, new: Config, now: float) -> NewLearningRate:
    """Of a live change of optimizer.lr from `old` to `new`, where the learning rate is `now`."""
    times = new.optimizer.lr / old.optimizer.lr
    before, after = (float(getattr(each.schedule, "min_lr", 0.0)) for each in (old, new))
    bound = (before, before * times) if before and before == after else None
    return NewLearningRate(now, now * times, new.optimizer.lr, times, bound)


def reschedules(old: Config, new: Config) -> bool:
    """Whether a change puts the training on another curve of the learning rate, rather than scaling the one it is on."""
    before, after = ((each.training.epochs, each.training.steps, each.schedule.kind) for each in (old, new))
    return before != after


def factor(before: float, after: float) -> float:
    """How many times as large, or as small, one learning rate is as the other."""
    low, high = sorted((abs(before), abs(after)))
    return high / low if low else math.inf if high else 1.0
