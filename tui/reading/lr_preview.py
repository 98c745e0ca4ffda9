"""The learning rate that a draft plans beside that of its base, as series."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import EMPTY_SERIES, Run, Series

if TYPE_CHECKING:
    from gradtop.trainer.config import Config


class LrCurves(NamedTuple):
    """What the base plans and what the form plans instead with its `config`, over the run that the form changes; `problem` where there is none."""

    run: Run | None = None
    config: Config | None = None
    old: Series = EMPTY_SERIES
    new: Series = EMPTY_SERIES
    steps: int = 0
    problem: str = ""


NO_CURVES = LrCurves()


def series_of(points: Sequence[tuple[int, float]]) -> Series:
    if not points:
        return EMPTY_SERIES
    x, lr = array("d", [step for step, _ in points]), array("d", [value for _, value in points])
    return Series(x=x, x_last=x, low=lr, high=lr, mean=lr, finite=[1] * len(x), nonfinite=[0] * len(x), first=x[0], last=x[-1])
