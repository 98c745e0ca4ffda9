"""The running mean of the weights, against its formula."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint.sidecar import path_of, read_sidecar
from gradtop.trainer.training.evaluate import evaluate
from gradtop.trainer.training.step import Compute
from tests.training.features import CNN, SGD, run_of
from tests.training.runs import newest_state, rows, trained


def test_the_running_mean_is_that_of_the_formula_statistics_included(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_hand: dict[str, Tensor] = {}
    real = Compute.update

    def update(compute: Compute) -> None:
        real(compute)
        for name, value in compute.model.state_dict().items():
            if value.is_floating_point():
                # It begins at what the first step leaves.
                by_hand[name] = 0.8 * by_hand[name] + 0.2 * value.double() if name in by_hand else value.double().clone()

    monkeypatch.setattr(Compute, "update", update)
    session = trained(run_of(tmp_path, "ema = 0.8", SGD, model=CNN))

    mean = session.compute.evaluated
    assert mean is not session.model
    assert {"norm1.running_mean", "norm2.running_var", "head.weight"} < by_hand.keys()
    for name, value in by_hand.items():
        torch.testing.assert_close(mean.state_dict()[name].double(), value, rtol=1e-5, atol=1e-6)
    assert not torch.equal(mean.get_parameter("head.weight"), session.model.get_parameter("head.weight"))


def test_it_is_the_running_mean_that_is_evaluated_and_that_decides_which_is_best(tmp_path: Path) -> None:
    run = run_of(tmp_path, "ema = 0.95", '[optimizer]\nkind = "sgd"\nlr = 0.5', model=CNN)
    session = trained(run)

    state = newest_state(run)
    assert state["ema"] is not None
    scores = {}
    for name, model in (("mean", session.compute.evaluated), ("weights", session.model)):
        scores[name] = evaluate(model, model, session.validation)
    assert rows(run, "evals", "loss", "accuracy")[-1][1:] == (scores["mean"].loss, scores["mean"].accuracy)
    assert scores["mean"].loss != scores["weights"].loss
    losses = [row[1] for row in rows(run, "evals", "loss")]
    (best,) = [fact for step in checkpoint.saved_steps(run.checkpoints)
               if (fact := read_sidecar(path_of(run.checkpoints, step))) and fact.best]  # fmt: skip
    assert best.val_loss == min(losses) == state["scores"]["best"]["loss"]
