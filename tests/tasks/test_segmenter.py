"""Losses and metrics of classes of pixels, against scikit-learn and plain torch."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.kinds.segmentation import SegmentationTask
from gradtop.trainer.tasks.kinds.segmentation.segmenter import Segmenter
from tests.support import Later

sklearn_metrics = Later("sklearn.metrics")


def drawn(seed: int, samples: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs, and masks in which a tenth of the pixels is ignored."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(classes, (samples, 4, 5), generator=generator)
    targets[torch.rand(targets.shape, generator=generator) < 0.1] = 255
    return torch.randn(samples, classes, 4, 5, generator=generator), targets


def segmenter(classes: int, **fields: object) -> Segmenter:
    return Segmenter(SegmentationTask(**fields), classes)  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 5), st.integers(1, 9), st.integers(1, 4))
def test_metrics_are_those_of_scikit_learn_whatever_the_batches(seed: int, classes: int, samples: int, batch: int) -> None:
    outputs, targets = drawn(seed, samples, classes)
    meter = segmenter(classes).meter()
    for some, these in zip(outputs.split(batch), targets.split(batch), strict=True):
        meter.add(some, these)
    score = meter.result()
    there = targets != 255
    wanted, said = targets[there], outputs.argmax(1)[there]
    constant = torch.full_like(wanted, int(wanted.bincount().argmax()))
    for found, predicted in ((score.metrics, said), (score.baselines, constant)):
        assert found["accuracy"] == pytest.approx((predicted == wanted).double().mean().item())
        assert found["mean_iou"] == pytest.approx(sklearn_metrics.jaccard_score(wanted, predicted, average="macro"))
        assert found["dice"] == pytest.approx(sklearn_metrics.f1_score(wanted, predicted, average="macro"))
    assert score.loss == pytest.approx(functional.cross_entropy(outputs, targets, ignore_index=255).item(), rel=1e-4)
    shares = (wanted.bincount() / len(wanted)).double()
    assert score.baselines["loss"] == pytest.approx(-(shares[shares > 0] * shares[shares > 0].log()).sum().item(), rel=1e-5)
    assert score.classes is not None
    table = sklearn_metrics.confusion_matrix(wanted, said, labels=range(classes))
    assert list(score.classes.hits) == table.diagonal().tolist()
    assert sorted(score.classes.confused) == sorted((one, other, int(table[one, other])) for one in range(classes) for other in range(classes) if one != other and table[one, other])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31))
def test_losses_are_those_of_torch_and_of_the_formula_of_dice(seed: int) -> None:
    outputs, targets = drawn(seed, 3, 3)
    there = targets != 255
    weights = (0.5, 1.0, 4.0)
    wanted = functional.cross_entropy(outputs, targets, weight=torch.tensor(weights), ignore_index=255)
    entropy = segmenter(3, class_weights=weights).loss(outputs, targets)
    assert entropy.item() == pytest.approx(wanted.item(), rel=1e-4)
    shares = outputs.softmax(1).movedim(1, -1)[there]
    scores = [(2 * shares[targets[there] == each, each].sum() + 1) / (shares[:, each].sum() + (targets[there] == each).sum() + 1) for each in range(3)]
    dice = segmenter(3, loss="dice").loss(outputs, targets).item()
    assert dice == pytest.approx(1 - sum(scores).item() / 3, rel=1e-4)  # type: ignore[union-attr]
    assert segmenter(3, loss="both", class_weights=weights).loss(outputs, targets).item() == pytest.approx(dice + wanted.item(), rel=1e-4)


@pytest.mark.parametrize("loss", ["cross_entropy", "dice", "both"])
def test_a_batch_without_a_pixel_that_counts_has_no_gradient_but_a_finite_loss(loss: str) -> None:
    outputs = torch.randn(2, 3, 4, 4, requires_grad=True)
    found = segmenter(3, loss=loss).loss(outputs, torch.full((2, 4, 4), 255))
    found.backward()  # type: ignore[no-untyped-call]
    assert math.isfinite(found.item())
    assert outputs.grad is not None
    assert not outputs.grad.any()


@pytest.mark.parametrize("loss", ["dice", "both"])
def test_a_dice_loss_has_no_baseline(loss: str) -> None:
    meter = segmenter(3, loss=loss).meter()
    meter.add(*drawn(0, 3, 3))
    assert set(meter.result().baselines) == {"accuracy", "mean_iou", "dice"}


def test_an_evaluation_without_a_pixel_that_counts_has_no_metric() -> None:
    meter = segmenter(3).meter()
    assert math.isnan(meter.result().loss)
    meter.add(torch.randn(1, 3, 2, 2), torch.full((1, 2, 2), 255))
    assert math.isnan(meter.result().loss)
    assert meter.result().further == {}


def test_pixels_without_a_prediction_are_of_no_class() -> None:
    meter = segmenter(2).meter()
    meter.add(torch.full((1, 2, 1, 2), math.nan), torch.tensor([[[0, 1]]]))
    score = meter.result()
    assert (score.accuracy, score.of("mean_iou")) == (0.0, 0.0)
    assert score.classes is not None
    assert list(score.classes.confused) == [(0, 2, 1), (1, 2, 1)]


def test_a_model_of_other_outputs_is_refused() -> None:
    task = segmenter(3)
    task.check_outputs(torch.zeros(2, 3, 4, 5), torch.zeros(2, 4, 5), "")
    with pytest.raises(UserError, match=r"for masks of 2×4×5 int64 it returns 2×3×4×4 float32; 2×3×4×5 is expected"):
        task.check_outputs(torch.zeros(2, 3, 4, 4), torch.zeros(2, 4, 5, dtype=torch.int64), "")


def test_a_prediction_is_the_share_of_each_class() -> None:
    outputs = torch.tensor([[[[1.0, 0.0, 0.0, 0.0]], [[0.0, 1.0, 1.0, 1.0]], [[-1.0, -1.0, -1.0, -1.0]]]])
    assert segmenter(3).describe(outputs, ("sky",), 5) == [{"pixels": [{"class": 1, "name": None, "share": 0.75}, {"class": 0, "name": "sky", "share": 0.25}]}]
