"""Losses and metrics of several labels for each sample, against scikit-learn and plain torch."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from gradtop.trainer.data.dataset import DataInfo, Dataset
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.kinds.multi_label import MultiLabelTask
from gradtop.trainer.tasks.kinds.multi_label.labeler import Labeler
from gradtop.trainer.tasks.metrics.ranking import RankedScores
from tests.support import Later

sklearn_metrics = Later("sklearn.metrics")


def drawn(seed: int, samples: int, labels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs with equal ones among them, and targets of which some labels are rare."""
    generator = torch.Generator().manual_seed(seed)
    outputs = (2 * torch.randn(samples, labels, generator=generator)).round(decimals=1)
    return outputs, (torch.rand(samples, labels, generator=generator) < torch.rand(labels, generator=generator)).float()


def source_of(targets: torch.Tensor) -> Dataset:
    inputs = torch.zeros(len(targets), 2)
    return Dataset(inputs, targets, inputs, targets, DataInfo(2, 1, 0, targets.shape[1]))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 4), st.integers(1, 40), st.integers(1, 12), st.floats(0.05, 0.95))
def test_metrics_are_those_of_scikit_learn_whatever_the_batches(seed: int, labels: int, samples: int, batch: int, threshold: float) -> None:
    outputs, targets = drawn(seed, samples, labels)
    meter = Labeler(labels, threshold=threshold).meter()
    for some, these in zip(outputs.split(batch), targets.split(batch), strict=True):
        meter.add(some, these)
    score = meter.result()
    predicted, shares = (outputs.sigmoid() >= threshold).int().numpy(), targets.double().mean(0)
    constant = (shares >= threshold).int().expand(samples, labels).numpy()
    occurring = [each for each in range(labels) if targets[:, each].any()]
    wanted = [sklearn_metrics.average_precision_score(targets[:, each], outputs[:, each]) for each in occurring]
    assert score.of("average_precision") == pytest.approx(sum(wanted) / len(wanted) if wanted else math.nan, nan_ok=True)
    assert score.baselines["average_precision"] == pytest.approx(shares[occurring].mean().item() if occurring else math.nan, nan_ok=True)
    for found, said in ((score.further, predicted), (score.baselines, constant)):
        assert found["f1"] == pytest.approx(sklearn_metrics.f1_score(targets.int(), said, average="macro", zero_division=math.nan), nan_ok=True)
        if targets.any() or said.any():
            assert found["micro_f1"] == pytest.approx(sklearn_metrics.f1_score(targets.int(), said, average="micro"))
    assert score.loss == pytest.approx(functional.binary_cross_entropy_with_logits(outputs, targets).item(), rel=1e-4)
    assert score.known_accuracy is None


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_no_constant_has_a_smaller_loss_than_the_baseline(seed: int) -> None:
    _, targets = drawn(seed, 30, 2)
    weights = torch.rand(2, generator=torch.Generator().manual_seed(seed)) + 0.5
    task = Labeler(2, pos_weight=weights)
    tried = [[task.losses(torch.full((30, 2), logit), targets)[:, each].mean().item() for logit in torch.linspace(-8, 8, 401).tolist()] for each in range(2)]
    least = sum(map(min, tried)) / 2
    best = task.target_facts(targets, sampled=False, smoothing=0.0).constant_loss
    assert best is not None
    assert best == pytest.approx(least, abs=2e-3)
    assert best <= least + 1e-5


def test_balanced_weights_are_negatives_over_positives() -> None:
    targets = torch.tensor([[1, 0], [0, 1], [0, 1], [0, 1]]).float()
    made = MultiLabelTask(balanced=True).build(source_of(targets), {})
    assert made.state_dict() == {"pos_weight": [3.0, pytest.approx(1 / 3)]}
    outputs = torch.randn(4, 2)
    wanted = functional.binary_cross_entropy_with_logits(outputs, targets, pos_weight=torch.tensor([3.0, 1 / 3]))
    assert made.loss(outputs, targets).item() == pytest.approx(wanted.item())
    assert MultiLabelTask(balanced=True).build(source_of(1 - targets), made.state_dict()).state_dict() == made.state_dict()


def test_the_labels_from_the_threshold_on_are_predicted() -> None:
    (said, nothing) = Labeler(3, threshold=0.7).describe(torch.tensor([[1.0, 0.5, 2.0], [0.0, 0.0, 0.0]]), ("red", "green"), 5)
    assert [(each["label"], each["name"]) for each in said["labels"]] == [(2, None), (0, "red")]
    assert said["labels"][1]["probability"] == pytest.approx(1 / (1 + math.exp(-1.0)))
    assert nothing == {"labels": []}


def test_weights_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UserError, match=r"task\.pos_weight must be 2, one for each label of the data, not 1"):
        MultiLabelTask(pos_weight=(1.0,)).build(source_of(torch.ones(3, 2)), {})
    with pytest.raises(UserError, match="no training sample has label 1"):
        MultiLabelTask(balanced=True).build(source_of(torch.tensor([[1.0, 0.0]])), {})


def test_an_output_that_is_nan_leaves_no_metric() -> None:
    meter = Labeler(2).meter()
    assert math.isnan(meter.result().loss)
    meter.add(torch.tensor([[math.nan, 0.0]]), torch.tensor([[1.0, 0.0]]))
    assert all(math.isnan(value) for value in (meter.result().loss, *meter.result().further.values()))


def test_of_very_many_outputs_the_average_precision_is_counted_in_bins_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(3)
    targets = (torch.rand(4000, 3, generator=generator) < 0.3).float()
    outputs = torch.randn(4000, 3, generator=generator) + targets
    monkeypatch.setattr(RankedScores.__init__, "__kwdefaults__", {"kept": 1000})
    meter = Labeler(3).meter()
    for some, these in zip(outputs.split(128), targets.split(128), strict=True):
        meter.add(some, these)
    score = meter.result()
    assert score.of("average_precision") == pytest.approx(sklearn_metrics.average_precision_score(targets, outputs), abs=2e-3)
    assert score.notes == ("average_precision: of more than 67,108,864 outputs, which are counted in bins",)
