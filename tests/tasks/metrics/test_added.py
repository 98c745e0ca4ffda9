"""Metrics that training.metrics adds, against scikit-learn and numpy."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradtop.trainer.metrics import (
    AUROC,
    AVERAGE_PRECISION,
    CALIBRATION_ERROR,
    COHEN_KAPPA,
    EXPLAINED_VARIANCE,
    MAPE,
    MATTHEWS,
    PEARSON,
    PRECISION,
    RECALL,
    WEIGHTED_F1,
)
from gradtop.trainer.tasks.kinds.classification.classifier import Classifier
from gradtop.trainer.tasks.kinds.multi_label.labeler import Labeler
from gradtop.trainer.tasks.kinds.regression import RegressionTask
from gradtop.trainer.tasks.kinds.regression.regressor import Regressor
from gradtop.trainer.tasks.kinds.segmentation import SegmentationTask
from gradtop.trainer.tasks.kinds.segmentation.segmenter import Segmenter
from gradtop.trainer.tasks.metrics.meter import meter_of
from gradtop.trainer.tasks.metrics.ranking import RankedScores, log_odds
from gradtop.trainer.tasks.task import AddedMetrics, Score, TrainingTask
from tests.support import Later

sklearn_metrics = Later("sklearn.metrics")

OF_CLASSES = (AUROC, AVERAGE_PRECISION, WEIGHTED_F1, PRECISION, RECALL, MATTHEWS, COHEN_KAPPA, CALIBRATION_ERROR)
SEEDS = st.integers(0, 2**31)
CALIBRATION_BINS = 15


@pytest.fixture(autouse=True, params=[1, 60], ids=["each", "several"])
def at_once(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each batch is measured by itself, or as soon as there are so many outputs."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("gradtop.trainer.tasks.metrics.meter.AT_ONCE", request.param)
        yield


def measured(task: TrainingTask, names: Sequence[str], outputs: torch.Tensor, targets: torch.Tensor, batch: int) -> Score:
    """In batches, the last of which is smaller."""
    task.added = AddedMetrics(names)
    meter = meter_of(task)
    for some, these in zip(outputs.split(batch), targets.split(batch), strict=True):
        meter.add(some, these)
    return meter.result()


def drawn(seed: int, samples: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs of which some are equal, and labels of which some may not occur."""
    generator = torch.Generator().manual_seed(seed)
    outputs = 2 * torch.randn(samples, classes, generator=generator)[torch.randint(1 + samples // 2, (samples,), generator=generator)]
    return outputs, torch.randint(int(torch.randint(1, classes + 1, (), generator=generator)), (samples,), generator=generator)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def one_against_all(outputs: torch.Tensor, labels: torch.Tensor) -> Mapping[str, float]:
    """AUROC and average precision by scikit-learn, of the classes that have one."""
    scores, classes = outputs.double().softmax(1).numpy(), outputs.shape[1]
    has = [(labels == each).numpy() for each in range(classes)]
    areas = [sklearn_metrics.roc_auc_score(there, scores[:, each]) for each, there in enumerate(has) if 0 < there.sum() < len(labels)]
    found = [sklearn_metrics.average_precision_score(there, scores[:, each]) for each, there in enumerate(has) if there.any() and not (classes == 2 and each == 0)]
    return {AUROC: mean(areas), AVERAGE_PRECISION: mean(found)}


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(2, 5), st.integers(2, 40), st.integers(1, 12))
def test_metrics_of_classes_are_those_of_scikit_learn_whatever_the_batches(seed: int, classes: int, samples: int, batch: int) -> None:
    outputs, labels = drawn(seed, samples, classes)
    score = measured(Classifier(classes=classes), OF_CLASSES, outputs, labels, batch)
    predicted = outputs.argmax(1).numpy()
    truth = labels.numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = {
            **one_against_all(outputs, labels),
            WEIGHTED_F1: sklearn_metrics.f1_score(truth, predicted, average="weighted"),
            PRECISION: sklearn_metrics.precision_score(truth, predicted, average="macro", zero_division=0.0),
            RECALL: sklearn_metrics.recall_score(truth, predicted, average="macro", zero_division=0.0),
            MATTHEWS: sklearn_metrics.matthews_corrcoef(truth, predicted),
            COHEN_KAPPA: sklearn_metrics.cohen_kappa_score(truth, predicted),
            CALIBRATION_ERROR: calibration_error(outputs, labels),
        }
    assert {name: score.of(name) for name in wanted} == pytest.approx(wanted, nan_ok=True, abs=1e-6)
    # What the task measures by itself is as before.
    plain = measured(Classifier(classes=classes), (), outputs, labels, batch)
    assert {name: score.of(name) for name in plain.metrics} == pytest.approx(plain.metrics, nan_ok=True)
    # Of the class that occurs most often, always.
    often = np.full(samples, np.bincount(truth).argmax())
    assert score.baselines[WEIGHTED_F1] == pytest.approx(sklearn_metrics.f1_score(truth, often, average="weighted"))
    assert score.baselines[AUROC] == 0.5
    assert score.baselines[MATTHEWS] == 0.0


def calibration_error(outputs: torch.Tensor, labels: torch.Tensor) -> float:
    shares = outputs.double().softmax(1).numpy()
    best = shares.max(1)
    bins = np.clip(np.ceil(best.round(9) * CALIBRATION_BINS) - 1, 0, None)
    right = shares.argmax(1) == labels.numpy()
    return float(sum(abs(best[bins == each].mean() - right[bins == each].mean()) * (bins == each).mean() for each in np.unique(bins)))


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(4, 8), st.integers(3, 30), st.integers(1, 9))
def test_top_k_accuracy_is_that_of_scikit_learn(seed: int, classes: int, samples: int, batch: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    outputs, labels = torch.randn(samples, classes, generator=generator), torch.randint(classes, (samples,), generator=generator)
    score = measured(Classifier(classes=classes), ("top2_accuracy", "top3_accuracy"), outputs, labels, batch)
    for top in (2, 3):
        assert score.of(f"top{top}_accuracy") == pytest.approx(sklearn_metrics.top_k_accuracy_score(labels, outputs, k=top, labels=range(classes)))
        counts = sorted(np.bincount(labels, minlength=classes), reverse=True)
        assert score.baselines[f"top{top}_accuracy"] == pytest.approx(sum(counts[:top]) / samples)


def test_auroc_of_binary_and_of_macro_classes_is_roc_auc_score() -> None:
    generator = torch.Generator().manual_seed(3)
    for classes in (2, 4):
        outputs, labels = torch.randn(200, classes, generator=generator), torch.randint(classes, (200,), generator=generator)
        shares = outputs.double().softmax(1).numpy()
        wanted = sklearn_metrics.roc_auc_score(labels, shares[:, 1]) if classes == 2 else sklearn_metrics.roc_auc_score(labels, shares, multi_class="ovr", average="macro")
        assert measured(Classifier(classes=classes), (AUROC,), outputs, labels, 64).of(AUROC) == pytest.approx(wanted)


def test_ignored_samples_count_in_no_metric() -> None:
    generator = torch.Generator().manual_seed(1)
    outputs, labels = torch.randn(30, 3, generator=generator), torch.randint(3, (30,), generator=generator)
    there = torch.arange(30) % 3 > 0
    names = (*OF_CLASSES, "top2_accuracy")
    found = measured(Classifier(classes=3, ignored=255), names, outputs, labels.where(there, 255), 7)
    wanted = measured(Classifier(classes=3), names, outputs[there], labels[there], 7)
    assert found.metrics == pytest.approx(wanted.metrics)
    assert found.baselines == pytest.approx(wanted.baselines)


def test_where_an_output_is_not_a_number_no_order_is_made_up() -> None:
    outputs, labels = drawn(0, 12, 3)
    outputs[5, 1] = math.nan
    score = measured(Classifier(classes=3), (AUROC, AVERAGE_PRECISION, CALIBRATION_ERROR, MATTHEWS), outputs, labels, 5)
    assert all(math.isnan(score.of(name)) for name in (AUROC, AVERAGE_PRECISION, CALIBRATION_ERROR))
    # A sample without a prediction is one that is not predicted rightly.
    said = outputs.argmax(1).where(~outputs.isnan().any(1), 3)
    assert score.of(MATTHEWS) == pytest.approx(sklearn_metrics.matthews_corrcoef(labels, said))


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(2, 4), st.integers(1, 40), st.integers(1, 12), st.floats(0.1, 0.9))
def test_metrics_of_labels_are_those_of_scikit_learn(seed: int, labels: int, samples: int, batch: int, threshold: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    outputs = (2 * torch.randn(samples, labels, generator=generator)).round(decimals=1)
    targets = (torch.rand(samples, labels, generator=generator) < torch.rand(labels, generator=generator)).float()
    score = measured(Labeler(labels, threshold=threshold), (AUROC, WEIGHTED_F1, PRECISION, RECALL), outputs, targets, batch)
    said = (outputs.sigmoid() >= threshold).int().numpy()
    truth = targets.int().numpy()
    seen = [each for each in range(labels) if truth[:, each].any() or said[:, each].any()]
    areas = [sklearn_metrics.roc_auc_score(truth[:, each], outputs[:, each]) for each in range(labels) if 0 < truth[:, each].sum() < samples]
    wanted = {
        AUROC: mean(areas),
        WEIGHTED_F1: sklearn_metrics.f1_score(truth, said, average="weighted", zero_division=0.0) if truth.any() else math.nan,
        PRECISION: mean([sklearn_metrics.precision_score(truth[:, each], said[:, each], zero_division=0.0) for each in seen]),
        RECALL: mean([sklearn_metrics.recall_score(truth[:, each], said[:, each], zero_division=0.0) for each in seen]),
    }
    assert {name: score.of(name) for name in wanted} == pytest.approx(wanted, nan_ok=True)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(1, 3), st.integers(2, 40), st.integers(1, 12), st.sampled_from([0.0, 1000.0]))
def test_metrics_of_values_are_those_of_scikit_learn(seed: int, count: int, samples: int, batch: int, away: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randn(samples, count, generator=generator) + away
    outputs = torch.randn(samples, count, generator=generator)
    task = Regressor(RegressionTask(), count)
    task.fit(targets)
    score = measured(task, (EXPLAINED_VARIANCE, MAPE, PEARSON), outputs, targets, batch)
    said = task.in_units(outputs)
    correlations = [np.corrcoef(said[:, each], targets[:, each])[0, 1] for each in range(count)]
    assert score.of(EXPLAINED_VARIANCE) == pytest.approx(sklearn_metrics.explained_variance_score(targets, said), rel=1e-3, abs=1e-3)
    assert score.of(PEARSON) == pytest.approx(mean(correlations), rel=1e-3, abs=1e-3)
    assert score.of(MAPE) == pytest.approx(sklearn_metrics.mean_absolute_percentage_error(targets, said), rel=1e-4)
    constant = task.in_units(torch.zeros_like(outputs))
    assert score.baselines[MAPE] == pytest.approx(sklearn_metrics.mean_absolute_percentage_error(targets, constant), rel=1e-4)
    assert score.baselines[EXPLAINED_VARIANCE] == 0.0


def test_pixels_have_the_metrics_of_classes_and_ignored_ones_count_nowhere() -> None:
    generator = torch.Generator().manual_seed(4)
    outputs, masks = torch.randn(6, 3, 4, 5, generator=generator), torch.randint(3, (6, 4, 5), generator=generator)
    masks[0, 0] = 255
    score = measured(Segmenter(SegmentationTask(ignore_index=255), 3), (MATTHEWS, COHEN_KAPPA, WEIGHTED_F1), outputs, masks, 4)
    there = masks != 255
    truth, said = masks[there], outputs.argmax(1)[there]
    assert score.of(MATTHEWS) == pytest.approx(sklearn_metrics.matthews_corrcoef(truth, said))
    assert score.of(COHEN_KAPPA) == pytest.approx(sklearn_metrics.cohen_kappa_score(truth, said))
    assert score.of(WEIGHTED_F1) == pytest.approx(sklearn_metrics.f1_score(truth, said, average="weighted"))


def test_of_tokens_each_is_a_label() -> None:
    generator = torch.Generator().manual_seed(5)
    outputs, labels = torch.randn(6, 7, 5, generator=generator), torch.randint(5, (6, 7), generator=generator)
    score = measured(Classifier(classes=5), ("top2_accuracy", CALIBRATION_ERROR), outputs, labels, 4)
    flat, truth = outputs.flatten(0, 1), labels.flatten()
    assert score.of("top2_accuracy") == pytest.approx(sklearn_metrics.top_k_accuracy_score(truth, flat, k=2, labels=range(5)))
    assert score.of(CALIBRATION_ERROR) == pytest.approx(calibration_error(flat, truth))


@pytest.mark.parametrize("classes", [True, False])
def test_more_scores_than_are_kept_are_counted_in_bins_to_three_digits(classes: bool) -> None:
    generator = torch.Generator().manual_seed(6)
    outputs = 2 * torch.randn(2000, 4, generator=generator)
    labels = torch.randint(4, (2000,), generator=generator) if classes else torch.rand(2000, 4, generator=generator) < outputs.sigmoid()
    labels = torch.where(torch.rand(2000, generator=generator) < 0.4, outputs.argmax(1), labels) if classes else labels
    exact, binned = RankedScores(), RankedScores(kept=900)
    for some, these in zip(outputs.split(300), labels.split(300), strict=True):
        exact.add(some, these)
        binned.add(some, these)
    assert binned.binned
    assert not exact.binned
    found, wanted = binned.result(), exact.result()
    assert found.auroc == pytest.approx(wanted.auroc, abs=1e-3)
    assert found.average_precision == pytest.approx(wanted.average_precision, abs=2e-3)
    assert found.shares == pytest.approx(wanted.shares)


def test_log_odds_tell_apart_what_is_almost_certain() -> None:
    outputs = torch.tensor([[0.0, 40.0, 1.0], [0.0, 50.0, 1.0], [0.0, 50.0, 2.0]])
    found = log_odds(outputs)[:, 1]
    assert found[1] > found[2] > found[0]
