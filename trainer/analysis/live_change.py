"""What a live change does to a training at once, beside what was asked for: told before it is made, and in the answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtop.trainer.config import Config

NOTED = 1.05  # from which factor on a learning rate that was not asked for is said
GRAVE = 2.0  # from which on it must be confirmed


@dataclass(frozen=True)
class LiveConsequences:
    """Whether training ends with the change, or the learning rate of the next step without and with it, where that leaps.

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
    old: Config, new: Config, *, step: int, per_epoch: int, rates: Callable[[], tuple[float, float] | None]
) -> LiveConsequences:
    """Of a change from `old` to `new` after so many steps; `rates` gives the learning rates of the next step, None where unknown."""
    if not reschedules(old, new):
        return NO_CONSEQUENCES
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


def reschedules(old: Config, new: Config) -> bool:
    """Whether a change puts the training on another curve of the learning rate, rather than scaling the one it is on."""
    before, after = ((each.training.epochs, each.training.steps, each.schedule.kind) for each in (old, new))
    return before != after


def factor(before: float, after: float) -> float:
    """How many times as large, or as small, one learning rate is as the other."""
    low, high = sorted((abs(before), abs(after)))
    return high / low if low else math.inf if high else 1.0
