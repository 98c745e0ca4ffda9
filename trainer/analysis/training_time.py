"""How long a training takes, from one that has ended."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING

from gradtop.trainer.job import DEFAULT_JOB
from gradtop.trainer.record import RunState, Status

if TYPE_CHECKING:
    from gradtop.trainer.config import TrainingConfig

# Fields and sections that make a step take another time, or an epoch have other steps; a dropout does not.
_DECIDES = ("model", "data", "augment", "freeze", *(f"training.{name}" for name in ("batch_size", "accumulate", "precision", "channels_last", "compile", "deterministic", "tf32", "device", "threads")))
_HARDLY = ("model.dropout",)


def expected_seconds(job: str, status: Status, changed: Collection[str], training: TrainingConfig) -> float:
    """Of a training with these keys changed from one with this status; nan where that one is not at its end or says nothing of it."""
    if job != DEFAULT_JOB or status.state is not RunState.DONE or status.seconds <= 0 or any(map(_changes_the_step, changed)):
        return math.nan
    length = {"training.epochs", "training.steps"}.intersection(changed)
    steps = training.steps or training.epochs * status.steps_per_epoch
    if not length or (steps and steps == status.steps):
        return status.seconds
    return status.seconds * steps / status.step if steps and status.step else math.nan


def _changes_the_step(key: str) -> bool:
    return key not in _HARDLY and any(key == name or key.startswith(f"{name}.") for name in _DECIDES)
