"""How a training ends: early, after so many steps, or with weights that are not finite."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.record import read_status
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training.step import Compute
from tests.training.features import SGD, run_of
from tests.training.runs import events, newest_state, rows, tiny_run


@pytest.mark.parametrize("patience", [1, 3])
def test_evaluations_without_a_better_loss_end_it_as_done(tmp_path: Path, patience: int) -> None:
    # Steps too small to change a weight: the first evaluation stays the best.
    still = '[optimizer]\nkind = "sgd"\nlr = 1e-30\nmomentum = 0.0'
    run = tiny_run(tmp_path, f"early_stopping = {patience}", still, epochs=9)

    assert work(run) == 0

    status = read_status(run)
    assert (status.state, status.step, status.error) == ("done", 8 * (1 + patience), "")
    assert [event["best"] for event in events(run, "epoch")] == [True, *[False] * patience]
    (said,) = events(run, "early_stopping")
    assert (said["step"], said["evaluations"]) == (status.step, patience)
    assert checkpoint.saved_steps(run.checkpoints)[-1] == status.step


def test_a_loss_that_becomes_better_is_not_stopped(tmp_path: Path) -> None:
    run = run_of(tmp_path, "early_stopping = 1", SGD, epochs=3)

    assert work(run) == 0

    losses = [row[1] for row in rows(run, "evals", "loss")]
    assert losses == sorted(losses, reverse=True)
    assert read_status(run).step == 24
    assert events(run, "early_stopping") == []


@pytest.mark.parametrize("steps", [3, 8, 13])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_steps_end_it_there_with_an_evaluation_and_a_checkpoint(tmp_path: Path, steps: int, accumulate: int) -> None:
    run = tiny_run(tmp_path, f"steps = {steps}", f"accumulate = {accumulate}", epochs=1)

    assert work(run) == 0

    per_epoch = -(-8 // accumulate)
    assert (read_status(run).state, read_status(run).step) == ("done", steps)
    assert [row[0] for row in rows(run, "steps")] == list(range(1, steps + 1))
    assert [row[0] for row in rows(run, "evals")] == sorted({*range(per_epoch, steps + 1, per_epoch), steps})
    assert checkpoint.saved_steps(run.checkpoints)[-1] == steps
    assert newest_state(run)["evaluated"] == steps


def test_weights_that_the_last_step_made_infinite_end_in_no_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Compute.update

    def update(compute: Compute) -> None:
        real(compute)
        with torch.no_grad():
            next(compute.model.parameters()).view(-1)[0] = math.inf

    monkeypatch.setattr(Compute, "update", update)
    run = run_of(tmp_path, "steps = 1", SGD)

    assert work(run) == 1

    assert "is not finite after the step; no checkpoint was written with it" in read_status(run).error
    assert checkpoint.saved_steps(run.checkpoints) == []
