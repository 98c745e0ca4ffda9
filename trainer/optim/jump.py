"""Learning-rate schedulers put where they stand after many steps, by the formulas that torch has for them."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, LambdaLR, LRScheduler, OneCycleLR, SequentialLR


def jump(schedule: LRScheduler, steps: int) -> bool:
    """Put a schedule where it stands after so many steps in all, without taking them; False for a scheduler without a formula.

    Torch computes most learning rates from the one before; the formula gives the same but for rounding.
    """
    if jumps := getattr(schedule, "jump", None):
        return bool(jumps(steps))
    if isinstance(schedule, SequentialLR):
        return _jump_in_sequence(schedule, steps)
    if isinstance(schedule, CosineAnnealingWarmRestarts):
        schedule.T_cur, schedule.T_i = _place_in_cycle(steps, schedule.T_0, schedule.T_mult)
    own = isinstance(schedule, CosineAnnealingWarmRestarts | LambdaLR | OneCycleLR)
    formula: Any = schedule.get_lr if own else getattr(schedule, "_get_closed_form_lr", None)
    if formula is None:
        return False
    schedule.last_epoch, schedule._step_count = steps, steps + 1  # noqa: SLF001 - what its formulas and a resume read
    schedule._get_lr_called_within_step = True  # noqa: SLF001 - else it warns
    try:
        rates = formula()
    finally:
        schedule._get_lr_called_within_step = False  # noqa: SLF001
    for group, rate in zip(schedule.optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    schedule._last_lr = list(rates)  # noqa: SLF001 - what get_last_lr and a resume read
    return True


def _jump_in_sequence(schedule: Any, steps: int) -> bool:
    number = bisect_right(schedule._milestones, steps)  # noqa: SLF001 - torch has no other access to its parts
    part = schedule._schedulers[number]  # noqa: SLF001
    if not jump(part, steps - (schedule._milestones[number - 1] if number else 0)):  # noqa: SLF001
        return False
    schedule.last_epoch, schedule._last_lr = steps, part.get_last_lr()  # noqa: SLF001
    return True


def _place_in_cycle(steps: int, first: int, growth: int) -> tuple[int, int]:
    """Steps since the last restart, and the length of the cycle that it began."""
    if growth == 1:
        return steps % first, first
    length = first
    while steps >= length:
        steps -= length
        length *= growth
    return steps, length
