"""Losses and metrics of classes, against scikit-learn and plain torch."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from gradtop.trainer.data.dataset import DataInfo, Dataset
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.kinds.classification import ClassificationTask
from gradtop.trainer.tasks.kinds.classification.classifier import Classifier, TextUnits
from gradtop.trainer.tasks.kinds.classification.labels import least_cross_entropy
from tests.support import Later

sklearn_metrics = Later("sklearn.metrics")
sklearn_class_weight = Later("sklearn.utils.class_weight")

SEEDS = st.integers(0, 2**31)


def drawn(seed: int, samples: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, classes, generator=generator), torch.randint(classes, (samples,), generator=generator)


def source_of(labels: list[int], classes: int) -> Dataset:
    inputs, numbers = torch.zeros(len(labels), 2), torch.tensor(labels)
    return Dataset(inputs, numbers, inputs, numbers, DataInfo(2, 1, classes))


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(2, 5), st.integers(3, 40), st.integers(1, 12))
def test_a_weighted_loss_is_that_of_scikit_learn_whatever_the_batches(seed: int, classes: int, samples: int, batch: int) -> None:
    outputs, labels = drawn(seed, samples, classes)
    weights = torch.rand(classes, generator=torch.Generator().manual_seed(seed)) + 0.1
    task = Classifier(classes=classes, weights=weights)
    meter = task.meter()
    for some, these in zip(outputs.split(batch), labels.split(batch), strict=True):
        meter.add(some, these)
    score = meter.result()
    wanted = sklearn_metrics.log_loss(labels, outputs.double().softmax(1).numpy(), sample_weight=weights[labels].numpy(), labels=range(classes))
    assert score.loss == pytest.approx(wanted, rel=1e-4)
    assert task.loss(outputs, labels).item() == pytest.approx(wanted, rel=1e-4)
    # A group of batches is as one large batch.
    parts = [(task.loss(some, these).item(), float(task.weight(these))) for some, these in zip(outputs.split(batch), labels.split(batch), strict=True)]
    assert sum(loss * weight for loss, weight in parts) / sum(weight for _, weight in parts) == pytest.approx(wanted, rel=1e-4)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.floats(0.0, 5.0))
def test_the_focal_loss_is_its_formula(seed: int, gamma: float) -> None:
    outputs, labels = drawn(seed, 9, 3)
    right = outputs.double().softmax(1)[torch.arange(9), labels]
    wanted = (-((1 - right) ** gamma) * right.log()).mean().item()
    task = Classifier(classes=3, focal=gamma)
    assert task.loss(outputs, labels).item() == pytest.approx(wanted, rel=1e-4)
    meter = task.meter()
    meter.add(outputs, labels)
    assert meter.result().loss == pytest.approx(wanted, rel=1e-4)


def test_a_label_that_is_ignored_counts_nowhere() -> None:
    outputs, labels = drawn(1, 12, 3)
    there = torch.arange(12) % 3 > 0
    task = Classifier(classes=3, ignored=255)
    given_labels = labels.where(there, 255)
    assert task.loss(outputs, given_labels).item() == pytest.approx(functional.cross_entropy(outputs[there], labels[there]).item())
    meter, plain = task.meter(), Classifier(classes=3).meter()
    meter.add(outputs, given_labels)
    plain.add(outputs[there], labels[there])
    found, wanted = meter.result(), plain.result()
    assert found.loss == pytest.approx(wanted.loss)
    assert (found.accuracy, found.further, found.baselines) == (wanted.accuracy, wanted.further, wanted.baselines)
    assert task.accuracy(outputs, given_labels).item() == pytest.approx(wanted.accuracy)


@pytest.mark.parametrize("task", [Classifier(classes=3, ignored=255), Classifier(classes=3, ignored=255, weights=torch.ones(3), focal=1.0)])
def test_a_batch_in_which_nothing_counts_has_a_loss_of_zero(task: Classifier) -> None:
    outputs = torch.randn(4, 3, requires_grad=True)
    loss = task.loss(outputs, torch.full((4,), 255))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert outputs.grad is not None
    assert not outputs.grad.any()


def test_the_baseline_is_that_of_the_most_frequent_class() -> None:
    labels = torch.tensor([0] * 8 + [1, 2])
    meter = Classifier(classes=3).meter()
    meter.add(torch.randn(10, 3), labels)
    constant = [0] * 10
    entropy = -sum(share * math.log(share) for share in (0.8, 0.1, 0.1))
    wanted = {"loss": entropy, "accuracy": 0.8, "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(labels, constant), "f1": sklearn_metrics.f1_score(labels, constant, average="macro")}
    assert meter.result().baselines == pytest.approx(wanted)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.booleans())
def test_the_baseline_of_the_loss_is_the_least_that_one_prediction_for_all_samples_has(seed: int, weighted: bool) -> None:
    outputs, labels = drawn(seed, 40, 3)
    weights = torch.rand(3, generator=torch.Generator().manual_seed(seed)) + 0.1 if weighted else None
    meter = Classifier(classes=3, weights=weights).meter()
    meter.add(outputs, labels)
    found = meter.result().baselines["loss"]
    shares = torch.bincount(labels, minlength=3).double() * (1 if weights is None else weights.double())
    constant = shares.clamp_min(1e-12).log().requires_grad_()
    loss = functional.cross_entropy(constant.expand(40, 3), labels, weight=None if weights is None else weights.double())
    assert found == pytest.approx(loss.item(), rel=1e-5)
    # The loss is convex in the logits, so that where its gradient is zero, it is least.
    (gradient,) = torch.autograd.grad(loss, constant)
    assert gradient.abs().max() < 1e-9


def test_a_focal_loss_has_no_baseline() -> None:
    meter = Classifier(classes=3, focal=2.0).meter()
    meter.add(*drawn(0, 12, 3))
    assert set(meter.result().baselines) == {"accuracy", "balanced_accuracy", "f1"}


def test_the_baseline_of_top_5_accuracy_is_the_share_of_the_five_most_frequent_classes() -> None:
    labels = torch.arange(12).repeat_interleave(torch.tensor([9, 1, 1, 1, 7, 1, 6, 1, 5, 1, 4, 1]))
    meter = Classifier(classes=12).meter()
    meter.add(torch.randn(len(labels), 12), labels)
    assert meter.result().baselines["top5_accuracy"] == pytest.approx((9 + 7 + 6 + 5 + 4) / len(labels))


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    labels = [0] * 7 + [1] * 2 + [2]
    made = ClassificationTask(balanced=True).build(source_of(labels, 3), {})
    assert made.state_dict()["weights"] == pytest.approx(list(sklearn_class_weight.compute_class_weight("balanced", classes=torch.arange(3).numpy(), y=labels)))
    again = ClassificationTask(balanced=True).build(source_of([0, 1, 2], 3), made.state_dict())
    assert again.state_dict() == made.state_dict()


def test_weights_of_another_number_are_refused() -> None:
    with pytest.raises(UserError, match=r"task\.class_weights must be 3 weights, one for each class of the data, not 2"):
        ClassificationTask(class_weights=(1.0, 2.0)).build(source_of([0, 1, 2], 3), {})


def test_the_loss_of_a_constant_takes_the_weights_along() -> None:
    labels = torch.tensor([0] * 90 + [1] * 10)
    task = Classifier(classes=2, weights=torch.tensor([1.0, 9.0]))
    found = task.target_facts(labels, sampled=False, smoothing=0.2)
    assert found.class_counts == (90, 10)
    assert found.constant_loss == pytest.approx(math.log(2))
    losses = [task.loss(torch.tensor([[0.0, logit]]).expand(100, 2), labels, smoothing=0.2).item() for logit in torch.linspace(-3, 3, 601).tolist()]
    assert found.constant_training_loss == pytest.approx(min(losses), rel=1e-4)
    assert least_cross_entropy([]) is None


def test_the_baselines_of_tokens_are_those_of_their_frequencies() -> None:
    outputs, targets = torch.randn(7, 5, 4), (torch.arange(35) ** 2 % 4).view(7, 5)
    meter = Classifier(classes=4, text=TextUnits(characters=True)).meter()
    for some in (slice(3), slice(3, 7)):
        meter.add(outputs[some], targets[some])
    shares = [float((targets == number).sum()) / 35 for number in range(4)]
    entropy = -sum(share * math.log(share) for share in shares if share)
    wanted = {"loss": entropy, "accuracy": max(shares), "perplexity": math.exp(entropy), "bits_per_character": entropy / math.log(2)}
    assert meter.result().baselines == pytest.approx(wanted)
    none = Classifier(classes=4).meter()
    none.add(outputs[:1], torch.full((1, 5), -100))
    assert not none.result().baselines
