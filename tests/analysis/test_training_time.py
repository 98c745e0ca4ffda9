"""How long another training like one that has ended would take."""

from __future__ import annotations

import math

import pytest

from gradtop.trainer.analysis.training_time import expected_seconds
from gradtop.trainer.config import TrainingConfig
from gradtop.trainer.record import RunState, Status

ENDED = Status(state=RunState.DONE, seconds=60.0, step=1000, steps=1000, steps_per_epoch=100)
TEN = TrainingConfig(epochs=10)


@pytest.mark.parametrize(
    ("status", "changed", "training", "seconds"),
    [
        (ENDED, (), TEN, 60),
        (ENDED, ("optimizer.lr", "model.dropout"), TEN, 60),
        (ENDED, ("training.epochs",), TrainingConfig(epochs=5), 30),
        (ENDED, ("training.steps",), TrainingConfig(steps=3000), 180),
        # Stopped early: another one does too, unless it is to be longer.
        (Status(state=RunState.DONE, seconds=60.0, step=500, steps=1000, steps_per_epoch=100), (), TEN, 60),
        (Status(state=RunState.DONE, seconds=60.0, step=500, steps=1000, steps_per_epoch=100), ("training.epochs",), TrainingConfig(epochs=20), 240),
        # What decides how long a step takes, or how many there are, was changed, or is not known.
        (ENDED, ("model.hidden",), TEN, math.nan),
        (ENDED, ("data.root",), TEN, math.nan),
        (ENDED, ("training.batch_size",), TrainingConfig(batch_size=8), math.nan),
        (ENDED, ("training.compile", "optimizer.lr"), TEN, math.nan),
        (Status(state=RunState.STOPPED, seconds=60.0, step=500, steps=1000, steps_per_epoch=100), (), TEN, math.nan),
        (Status(state=RunState.DONE), (), TEN, math.nan),
        (Status(state=RunState.DONE, seconds=60.0, step=1000, steps=1000), ("training.epochs",), TEN, math.nan),
    ],
)
def test_a_training_takes_as_long_as_one_with_the_same_steps(status: Status, changed: tuple[str, ...], training: TrainingConfig, seconds: float) -> None:
    assert expected_seconds("train", status, changed, training) == pytest.approx(seconds, nan_ok=True)


def test_another_job_says_nothing_of_a_training() -> None:
    assert math.isnan(expected_seconds("search", ENDED, (), TEN))
