"""The parts of an optimizer step, which whoever takes one announces as they begin: only a profile listens."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class StepPhase(StrEnum):
    """`LOADING` includes the augmentation, `OPTIMIZER` zeroing, unscaling and clipping of gradients, and the schedule. `MONITORING` is what
    gradtop measures. A step ends with `BETWEEN`.
    """

    LOADING = "loading"
    FORWARD = "forward"
    BACKWARD = "backward"
    OPTIMIZER = "optimizer"
    MONITORING = "monitoring"
    BETWEEN = "between steps"


LOADING, FORWARD, BACKWARD, OPTIMIZER, MONITORING, BETWEEN = StepPhase
Enter = Callable[[StepPhase], object]


def ignore(_phase: StepPhase) -> None:
    """Nobody listens."""
