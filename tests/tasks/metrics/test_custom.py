"""Metrics that are code of the user: callables, classes and objects, and what goes wrong in them."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch

from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.kinds.classification.classifier import Classifier
from gradtop.trainer.tasks.kinds.multi_label.labeler import Labeler
from gradtop.trainer.tasks.kinds.regression import RegressionTask
from gradtop.trainer.tasks.kinds.regression.regressor import Regressor
from gradtop.trainer.tasks.metrics.custom import load_custom
from gradtop.trainer.tasks.metrics.meter import meter_of
from gradtop.trainer.tasks.metrics.parts import CustomPart
from gradtop.trainer.tasks.task import AddedMetrics, Score, TrainingTask
from tests.tasks.metrics import mine

MINE = "tests.tasks.metrics.mine"


def evaluated(task: TrainingTask, name: str, outputs: torch.Tensor, targets: torch.Tensor, batch: int = 4) -> Score:
    task.added = AddedMetrics((), (partial(CustomPart, load_custom(f"{MINE}:{name}", {"num_classes": outputs.shape[1]})),))
    meter = meter_of(task)
    for some, these in zip(outputs.split(batch), targets.split(batch), strict=True):
        meter.add(some, these)
    return meter.result()


def drawn() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(11, 10, generator=generator), torch.randint(10, (11,), generator=generator)


def test_a_callable_is_given_all_outputs_and_targets() -> None:
    outputs, targets = drawn()
    wanted = (outputs.argmax(1) != targets).double().mean().item()
    assert evaluated(Classifier(classes=10), "error_rate", outputs, targets).of("error_rate") == pytest.approx(wanted)


def test_a_class_is_given_each_batch_and_what_it_takes_of_the_data() -> None:
    outputs, targets = drawn()
    wanted = (outputs.argmax(1) == targets).double().mean().item()
    score = evaluated(Classifier(classes=10), "HitRate", outputs, targets)
    assert score.of("HitRate") == pytest.approx(wanted)
    assert score.notes == ()


def test_an_object_begins_each_evaluation_as_it_was_made() -> None:
    outputs, targets = drawn()
    wanted = 100 * (outputs.argmax(1) == targets).double().mean().item()
    task = Classifier(classes=10)
    for _ in range(2):
        assert evaluated(task, "made", outputs, targets).of("made") == pytest.approx(wanted)
    task.added = AddedMetrics((), (partial(CustomPart, load_custom(f"{MINE}:made", {})),))
    for _ in range(2):
        meter = meter_of(task)
        meter.add(outputs, targets)
        assert meter.result().of("made") == pytest.approx(wanted)
    assert not mine.made.total


def test_samples_that_are_ignored_are_not_given() -> None:
    outputs, targets = drawn()
    there = torch.arange(11) % 2 > 0
    wanted = (outputs.argmax(1) != targets)[there].double().mean().item()
    score = evaluated(Classifier(classes=10, ignored=255), "error_rate", outputs, targets.where(there, 255))
    assert score.of("error_rate") == pytest.approx(wanted)


def test_values_are_given_in_the_units_of_the_targets_and_in_their_shape() -> None:
    targets = torch.tensor([100.0, 200.0, 400.0])
    task = Regressor(RegressionTask(), 1)
    task.fit(targets)
    assert evaluated(task, "worst_miss", task.standardized(targets + torch.tensor([0.0, -7.0, 3.0])), targets).of("worst_miss") == pytest.approx(7.0, rel=1e-4)


def test_label_sets_are_given_as_zeros_and_ones() -> None:
    targets = torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    assert evaluated(Labeler(2), "worst_miss", torch.zeros(2, 2), targets).of("worst_miss") == 1.0


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("raising", "training.metrics: tests.tasks.metrics.mine:raising raised ValueError: not of 11 samples"),
        ("Breaking", "training.metrics: tests.tasks.metrics.mine:Breaking raised RuntimeError: cannot take this batch"),
        ("leaving", "training.metrics: tests.tasks.metrics.mine:leaving raised SystemExit: 3"),
        ("both", "training.metrics: tests.tasks.metrics.mine:both returned Tensor of shape (2,); one number is expected"),
        ("words", "training.metrics: tests.tasks.metrics.mine:words returned str; one number is expected"),
    ],
)
def test_what_goes_wrong_is_said_and_costs_its_value_alone(name: str, sentence: str) -> None:
    outputs, targets = drawn()
    score = evaluated(Classifier(classes=10), name, outputs, targets)
    assert score.notes == (sentence,)
    assert math.isnan(score.of(name))
    assert score.accuracy == pytest.approx((outputs.argmax(1) == targets).double().mean().item())


def test_what_one_changes_in_place_the_others_do_not_see() -> None:
    outputs, targets = torch.tensor([[1.0, 2.0], [3.0, 4.5]]), torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    task = Labeler(2)
    task.added = AddedMetrics((), [partial(CustomPart, load_custom(f"{MINE}:{name}", {})) for name in ("Spoiling", "worst_miss")])
    meter = meter_of(task)
    meter.add(outputs.clone(), targets)
    score = meter.result()
    assert (score.of("Spoiling"), score.of("worst_miss")) == (10.5, 3.5)


def test_more_outputs_than_a_callable_can_be_given_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradtop.trainer.tasks.metrics.custom.KEPT", 50)
    score = evaluated(Classifier(classes=10), "error_rate", *drawn())
    assert math.isnan(score.of("error_rate"))
    assert score.notes == (f"training.metrics: {MINE}:error_rate takes all outputs of an evaluation at once, and these are more than 50 numbers; name a class with update and compute",)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("NoSteps", "NoSteps is a class without update and compute; name a callable of outputs and targets, or a class that has both"),
        ("NeedsMore", "NeedsMore cannot be made: TypeError: .*'path'; name an object of yours that is made already"),
        ("number", "number is of type int; name a callable of outputs and targets"),
        ("missing", "has no missing"),
    ],
)
def test_what_is_no_metric_is_refused_before_training(name: str, sentence: str) -> None:
    with pytest.raises(UserError, match=f"training.metrics: .*{sentence}"):
        load_custom(f"{MINE}:{name}", {})
