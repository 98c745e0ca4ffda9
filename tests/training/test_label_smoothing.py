"""Label smoothing: the loss by hand, and the plain one beside it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from gradtop.trainer.config import TrainingConfig
from gradtop.trainer.training.step import Compute
from tests.training.features import CNN, SGD, run_of
from tests.training.runs import rows, trained


@pytest.mark.parametrize("shares", [False, True])
def test_label_smoothing_spreads_its_share_over_all_classes(shares: bool) -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    compute = Compute(model, torch.optim.SGD(model.parameters()), torch.device("cpu"), TrainingConfig(label_smoothing=0.3))
    inputs, labels = torch.randn(6, 4), torch.arange(6) % 3
    wanted = functional.one_hot(labels, 3).float()

    loss = compute.loss(inputs, wanted if shares else labels)

    by_hand = -((0.7 * wanted + 0.3 / 3) * functional.log_softmax(model(inputs), 1)).sum(1).mean()
    assert loss.item() == pytest.approx(by_hand.item())


def test_a_smoothed_training_is_evaluated_without_it(tmp_path: Path) -> None:
    run = run_of(tmp_path, "label_smoothing = 0.5", SGD)
    session = trained(run)

    with torch.no_grad():
        pairs = [(session.model(inputs), targets) for inputs, targets in session.validation]
    outputs, targets = (torch.cat(part) for part in zip(*pairs, strict=True))
    assert rows(run, "evals", "loss")[-1][1] == pytest.approx(functional.cross_entropy(outputs, targets).item())


@pytest.mark.parametrize(("more", "accumulate"), [("", 1), ("accumulate = 3", 3)])
def test_beside_a_smoothed_loss_the_plain_one_is_recorded_now_and_then(tmp_path: Path, more: str, accumulate: int) -> None:
    smoothed = trained(run_of(tmp_path / "smoothed", "label_smoothing = 0.2", more, SGD))
    found = rows(smoothed.run, "steps", "loss", "plain_loss")
    (_, loss, plain) = found[0]
    twin = run_of(tmp_path / "plain", more, SGD)
    trained(twin)
    # Of the first step, before they part.
    assert plain == pytest.approx(rows(twin, "steps", "loss")[0][1], rel=1e-6)
    assert plain != pytest.approx(loss, rel=1e-3)
    assert len(found) == -(-len(list(smoothed.batches.epoch(0))) // accumulate) * 2
    assert all(math.isnan(value) for *_, value in rows(twin, "steps", "plain_loss"))


def test_of_mixed_images_the_plain_loss_is_that_of_the_mixed_targets(tmp_path: Path) -> None:
    smoothed = run_of(tmp_path / "smoothed", "label_smoothing = 0.2", "[augment]\nmixup = 0.2", model=CNN)
    twin = run_of(tmp_path / "plain", "[augment]\nmixup = 0.2", model=CNN)
    for run in (smoothed, twin):
        trained(run)
    assert rows(smoothed, "steps", "plain_loss")[0][1] == pytest.approx(rows(twin, "steps", "loss")[0][1], rel=1e-6)
    assert all(math.isnan(value) for _, value in rows(twin, "steps", "plain_loss"))
