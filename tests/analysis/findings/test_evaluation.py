from __future__ import annotations

import math
import os
import time
from pathlib import Path

import pytest

from gradtop.trainer.record import EventKind, RunState, append_event
from gradtop.trainer.record.classification import NEWEST, Classification, text_of
from gradtop.trainer.record.status import this_host
from tests.analysis.findings.written import CONFIG, LN10, Written, around, falling


@pytest.fixture
def run(tmp_path: Path) -> Written:
    return Written(tmp_path).steps(falling(100))


def test_a_validation_loss_that_is_not_finite_is_an_error(run: Written) -> None:
    found = run.evals([2.0, math.nan, 1.0]).finding("val-loss-not-finite")
    assert (found.severity, found.since_step, found.passed) == ("error", 20, False)
    assert found.sentence == "the validation loss is not finite at epoch 2"


def test_it_has_passed_after_three_that_are_finite(run: Written) -> None:
    assert run.evals([2.0, math.inf, 1.0, 0.9, 0.8]).finding("val-loss-not-finite").passed


def test_a_validation_loss_beyond_all_measure_has_diverged(run: Written) -> None:
    assert run.evals([2.2, 1.8, 6e7]).names == ["val-loss-diverged"]
    assert "6e7 at epoch 3" in run.finding("val-loss-diverged").sentence


def test_labels_that_mean_nothing_show_in_a_validation_loss_at_chance(run: Written) -> None:
    run.knows(constant_loss=LN10).evals([2.31, 2.5, 3.0, 3.4])
    assert run.names[0] == "val-at-chance"


def test_a_validation_loss_that_is_ever_worse_than_chance_is_not_said_twice(run: Written) -> None:
    assert run.knows(constant_loss=LN10).evals([10.9, 20.0, 40.0, 60.0]).names == ["val-at-chance"]


def test_what_little_is_learnt_shows_in_validation_too_unless_it_is_learnt_by_heart(tmp_path: Path) -> None:
    run = Written(tmp_path).steps(falling(400, end=2.08, noise=0.01)).knows(constant_loss=LN10).says(steps_per_epoch=50)
    assert run.evals([2.301, 2.31, 2.33, 2.36]).names[0] == "val-at-chance"
    assert "validation loss" in run.finding("underfitting").advice


def test_a_validation_loss_that_falls_with_the_other_is_well(run: Written) -> None:
    assert run.knows(constant_loss=LN10).evals([2.0, 1.5, 1.0, 0.8, 0.7]).report.healthy


@pytest.mark.parametrize("losses", [[0.9, 0.5, 0.55, 0.6, 0.65], [0.9, 0.5, 0.52, 0.54, 0.56, 0.58, 0.6, 0.62]])
def test_a_validation_loss_that_rises_while_the_other_falls_is_overfitting(run: Written, losses: list[float]) -> None:
    found = run.evals(losses, accuracy=[0.5, 0.8, *[0.75] * (len(losses) - 2)]).finding("overfitting")
    assert (found.severity, found.since_step) == ("warning", 20)
    assert found.sentence.startswith("overfitting since epoch 2: its validation loss of 0.5 (accuracy 0.8000) was the best")


def test_while_it_trains_some_more_evaluations_are_waited_for(run: Written) -> None:
    run.evals([0.9, 0.5, 0.52, 0.54, 0.56, 0.58, 0.6, 0.62])
    host, boot = this_host()
    run.says(state=RunState.PAUSED, pid=os.getpid(), host=host, boot=boot, updated=time.time(), epochs=60)
    assert run.finding("overfitting").severity == "warning"
    run.says(epochs=120)
    assert run.finding("overfitting").severity == "note"


@pytest.mark.parametrize(
    ("support", "predicted", "hits", "evaluations", "fires"),
    [
        ((50, 50, 40), (60, 80, 0), (45, 48, 0), 3, True),
        ((50, 50, 40), (60, 80, 0), (45, 48, 0), 2, False),
        ((50, 50, 40), (60, 79, 1), (45, 48, 0), 3, False),
        ((50, 50, 4), (52, 52, 0), (45, 48, 0), 3, False),
        ((50, 50, 40), (140, 0, 0), (50, 0, 0), 3, False),
    ],
    ids=["ill", "too early", "predicted once", "few samples", "nothing is learnt"],
)
def test_a_class_that_is_never_predicted_beside_others_that_are(
    run: Written, support: tuple[int, ...], predicted: tuple[int, ...], hits: tuple[int, ...], evaluations: int, fires: bool
) -> None:
    (run.run.path / NEWEST).write_text(text_of(Classification(support, predicted, hits, step=30, names=("cat", "dog", "owl"))))
    run.evals([2.0, 1.5, 1.2][:evaluations])
    assert ("class-never-predicted" in run.names) == fires
    if fires:
        found = run.finding("class-never-predicted")
        assert (found.severity, found.mode, found.since_step) == ("warning", "classes", 30)
        assert found.sentence.startswith("class owl is never predicted: 40 of 140 validation samples")


@pytest.mark.parametrize(
    ("support", "hits", "config", "sentence"),
    [
        ((6, 6), (6, 5), "", "there are 12 samples for validation: each counts for 8 % of the accuracy, and an accuracy of 0.9167 has a standard error of 0.098"),
        ((6, 6), (6, 6), "", "there are 12 samples for validation: each counts for 8 % of the accuracy, and an accuracy of 1.0000 has a standard error of 0.083"),
        ((25, 25), (20, 20), "", ""),
        ((6, 6), (6, 5), '[data]\nkind = "text"\n', ""),
    ],
    ids=["few", "all right", "enough", "a text"],
)
def test_a_small_validation_set_is_a_note_with_the_standard_error_of_its_accuracy(tmp_path: Path, support: tuple[int, int], hits: tuple[int, int], config: str, sentence: str) -> None:
    run = Written(tmp_path, CONFIG + config).steps(falling(200)).evals([1.0, 0.5, 0.2])
    (run.run.path / NEWEST).write_text(text_of(Classification(support, support, hits, step=30)))
    assert [each.sentence for each in run.report.findings if each.name == "few-validated"] == [sentence] * bool(sentence)
    assert run.report.healthy


@pytest.mark.parametrize(
    ("support", "sentence", "severity"),
    [
        ((5, 5, 5, 5), "", ""),
        ((5, 5, 5, 0), "there are no samples for validation of class owl", "note"),
        ((5, 0, 5, 0), "there are no samples for validation of 2 of 4 classes: dog and owl", "note"),
        ((0, 0, 5, 0), "all samples for validation are of class pig, of 4 classes that are trained on", "warning"),
    ],
)
def test_classes_without_samples_for_validation(run: Written, support: tuple[int, ...], sentence: str, severity: str) -> None:
    run.knows(class_counts=[50] * 4)
    (run.run.path / NEWEST).write_text(text_of(Classification(support, support, support, step=30, names=("cat", "dog", "pig", "owl"))))
    found = [(each.sentence, each.severity) for each in run.report.findings if each.name == "classes-not-validated"]
    assert found == ([(sentence, severity)] if sentence else [])


@pytest.mark.parametrize(("decay", "val_loss", "fires"), [(0.9999, 2.2, True), (0.9, 2.2, False), (0.9999, 0.15, False), (0.0, 2.2, False)])
def test_an_average_of_the_weights_over_more_steps_than_there_are(tmp_path: Path, decay: float, val_loss: float, fires: bool) -> None:
    run = Written(tmp_path, f"{CONFIG}[training]\nema = {decay}\n").steps(falling(400)).evals([2.3, val_loss + 0.01, val_loss])
    assert ("slow-ema" in run.names) == fires
    if fires:
        found = run.finding("slow-ema")
        assert found.sentence.startswith("validation is of an average of the weights over about 10\N{NARROW NO-BREAK SPACE}000 steps, of 400 of the run")
        assert found.advice.startswith("training.ema=0.9,")


def test_classes_that_the_data_were_said_to_lack_before_are_not_said_twice(run: Written) -> None:
    run.knows(class_counts=[50] * 2)
    (run.run.path / NEWEST).write_text(text_of(Classification((5, 0), (5, 0), (5, 0), step=30)))
    assert "classes-not-validated" in [each.name for each in run.report.findings]
    append_event(run.run, EventKind.ABSENT, part="validation", classes=["1"], total=1)
    assert "classes-not-validated" not in [each.name for each in run.report.findings]


def test_a_tiny_loss_that_doubles_is_a_note(run: Written) -> None:
    """Of digits_mlp with another seed: it loses 1 % of what it gained, and the accuracy stays."""
    run.evals([0.271, 0.128, 0.0945, 0.112, 0.0556, 0.0544, 0.0468, 0.0586, 0.0592, 0.039, 0.0597, 0.0627, 0.0657, 0.0631, 0.0449, 0.0399, 0.0348, 0.0348, 0.0796, 0.0633])
    assert run.finding("overfitting").severity == "note"
    assert run.report.healthy


def test_nothing_is_said_of_overfitting_where_training_has_diverged(tmp_path: Path) -> None:
    run = Written(tmp_path).steps(falling(200) + around(30.0, 200)).evals([0.9, 0.5, 0.7, 0.9, 2.0, 9.0, 16.0, 18.0])
    assert "diverged" in run.names
    assert "overfitting" not in run.names


def test_what_early_stopping_would_have_saved_is_said(run: Written) -> None:
    run.evals([0.9, 0.5, 0.52, 0.54, 0.56, 0.58, 0.6, 0.62, 0.64, 0.7]).says(seconds=100.0)
    assert "training.early_stopping=3 would have saved 50 steps (0:50)" in run.finding("overfitting").advice


def test_an_accuracy_that_still_rises_is_said_with_it(run: Written) -> None:
    run.evals([0.9, 0.5, 0.55, 0.6, 0.65], accuracy=[0.5, 0.8, 0.81, 0.82, 0.83])
    assert run.finding("overfitting").sentence.endswith("though the accuracy has risen to 0.8200")


@pytest.mark.parametrize(
    "losses",
    [
        [0.9, 0.5, 0.55],
        [0.9, 0.5, 0.502, 0.501, 0.503, 0.502],
        [0.9, 0.8, 0.7, 0.6, 0.5, 0.51, 0.52],
        [0.9, 0.04, 0.0401, 0.045, 0.039, 0.046, 0.041],
        [0.67, 0.24, 0.12, 0.19, 0.2, 0.17, 0.12, 0.097, 0.092, 0.075, 0.097, 0.12, 0.109, 0.123],
    ],
    ids=["too early", "stands still", "two evaluations ago", "noise of a small loss", "a rise such as it has come back from"],
)
def test_a_validation_loss_that_has_not_risen_is_no_overfitting(run: Written, losses: list[float]) -> None:
    assert run.evals(losses).report.present == ()


def test_a_rise_such_as_it_has_come_back_from_is_overfitting_once_it_lasts_longer(run: Written) -> None:
    run.evals([0.67, 0.24, 0.12, 0.19, 0.2, 0.17, 0.097, 0.092, 0.075, 0.097, 0.12, 0.109, 0.123, 0.11, 0.12, 0.115])
    assert run.finding("overfitting").since_step == 90


def test_a_best_value_of_long_ago_is_still_the_best(run: Written) -> None:
    run.evals([0.9, 0.1, *around(0.5, 1500)], every=1)
    assert run.finding("overfitting").evidence["best"] == 0.1


def test_a_loss_that_swings_further_than_it_gets_on_oscillates(run: Written) -> None:
    assert run.evals([2.2, 1.2, 1.9, 1.1, 1.8, 1.2, 1.9, 1.1, 1.7]).names == ["oscillating"]


def test_a_loss_that_falls_with_small_swings_does_not(run: Written) -> None:
    assert run.evals([2.2, 1.2, 1.25, 0.9, 0.95, 0.7, 0.75, 0.6, 0.65]).report.present == ()
