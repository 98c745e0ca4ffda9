"""The curve of a draft's learning rate beside that of its base: what decides it, and points as a series."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradtop.trainer.record import EMPTY_SERIES, Run, Series

if TYPE_CHECKING:
    from gradtop.tui.screens.tune.draft import Draft

DECIDE = frozenset({"optimizer.lr", "training.epochs", "training.steps", "training.batch_size", "training.accumulate"})
LENGTHS = frozenset({"training.batch_size", "training.accumulate"})


@dataclass(frozen=True, slots=True)
class Curves:
    """What the base plans and what the form plans instead, over the run that the form changes; `problem` where there is none."""

    run: Run | None = None
    old: Series = EMPTY_SERIES
    new: Series = EMPTY_SERIES
    steps: int = 0
    problem: str = ""


NO_CURVES = Curves()


def bends(draft: Draft) -> bool:
    """Whether a draft changes the curve of the learning rate."""
    return any(each.key in DECIDE or each.key.startswith(("schedule.", "data.")) for each in draft.differences())


def same_epochs(draft: Draft) -> bool:
    """Whether an epoch of the draft has as many steps as one of its base."""
    return not any(each.key in LENGTHS or each.key.startswith("data.") for each in draft.differences())


def series_of(points: Sequence[tuple[int, float]]) -> Series:
    if not points:
        return EMPTY_SERIES
    x, lr = array("d", [step for step, _ in points]), array("d", [value for _, value in points])
    return Series(x=x, x_last=x, low=lr, high=lr, mean=lr, finite=[1] * len(x), nonfinite=[0] * len(x), first=x[0], last=x[-1])
