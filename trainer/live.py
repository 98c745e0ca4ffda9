"""Hyperparameters that change in a running training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

LEARNING_RATE = "optimizer.lr"
_NAMES = {LEARNING_RATE: LEARNING_RATE, "lr": LEARNING_RATE}


def checked(changes: Mapping[str, object]) -> dict[str, float]:
    """The changes by full key. Raises ValueError with a sentence for a key or a value that cannot be."""
    known = {}
    for key, value in changes.items():
        if key not in _NAMES:
            raise ValueError(f"{key} cannot be changed while training runs; {LEARNING_RATE} can")
        if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
            raise ValueError(f"{_NAMES[key]} must be a number above 0, not {value!r}")
        known[_NAMES[key]] = float(value)
    return known


def scale_learning_rate(optimizer: Optimizer, schedule: LRScheduler, factor: float) -> None:
    """Multiply the whole schedule, its lower bound included, by `factor` from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] *= factor
        group["initial_lr"] *= factor
    for one in _schedules(schedule):
        # A scheduler that only combines others has no values of its own but the last one.
        if hasattr(one, "base_lrs"):
            one.base_lrs = [base * factor for base in one.base_lrs]
        if hasattr(one, "eta_min"):
            one.eta_min *= factor
        one._last_lr = [last * factor for last in one._last_lr]  # noqa: SLF001 - what get_last_lr and a resume read


def _schedules(schedule: LRScheduler) -> Iterator[LRScheduler]:
    yield schedule
    for inner in getattr(schedule, "_schedulers", ()):
        yield from _schedules(inner)
