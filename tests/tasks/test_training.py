"""Whole runs of each task, headless: what they measure, keep in checkpoints, and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from gradtop.trainer.analysis.findings import report
from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.inference.evaluation import evaluate_checkpoint
from gradtop.trainer.inference.export.model import export_model
from gradtop.trainer.launch.custom_code import code_of_run, remember
from gradtop.trainer.record import Run, RunReader, read_status
from gradtop.trainer.record.classification import read_classification
from gradtop.trainer.record.data_facts import read_data_facts
from gradtop.trainer.runtime.worker import work
from tests.tasks import data
from tests.tasks.support import task_run
from tests.training.forks import fork
from tests.training.runs import check_alike, events, newest_state, stop_and_resume, trained


def refusal(run: Run) -> str:
    assert work(run) != 0
    return read_status(run).error


def test_a_regression_learns_in_the_units_of_its_targets(regression: Run) -> None:
    status = read_status(regression)
    assert status.beside_loss == "r2"
    assert status.metrics["r2"] > 0.95  # type: ignore[operator]
    (_, targets), (_, others) = data.slope()
    assert status.baselines["mae"] == pytest.approx((others - targets.mean()).abs().mean().item(), rel=1e-4)
    assert status.val_accuracy is None
    assert status.best_val_accuracy is None
    assert events(regression, "epoch")[-1]["val_accuracy"] is None


def test_the_scale_stands_in_checkpoint_and_run(regression: Run) -> None:
    (_, targets), _ = data.slope()
    std, mean = torch.std_mean(targets.double(), correction=0)
    assert newest_state(regression)["task"] == {"mean": [pytest.approx(mean.item())], "std": [pytest.approx(std.item())]}
    assert json.loads(regression.data.read_text())["task"]["mean"] == [pytest.approx(mean.item())]
    assert read_data_facts(regression).constant_loss == pytest.approx(1.0)


def test_a_checkpoint_is_evaluated_as_it_was_recorded(regression: Run) -> None:
    path = max(regression.checkpoints.glob("*.pt"))
    found = evaluate_checkpoint(regression, path)
    assert found["as_recorded"]
    assert set(found["metrics"]) == {"loss", "r2", "mae", "rmse"}
    assert set(found["baselines"]) == {"loss", "r2", "mae", "rmse"}
    assert (found["of"], found["samples"]) == ("samples", 12)
    assert checkpoint.load(path)["task"]


def test_a_fork_predicts_in_the_scale_of_its_origin(tmp_path: Path, regression: Run) -> None:
    origin = newest_state(regression)
    remember(code_of_run(regression))
    run = fork(regression, "data.arguments={scale = 500.0}", "training.epochs=31", runs=tmp_path)
    assert work(run) == 0, read_status(run).error
    assert newest_state(run)["task"] == origin["task"]
    (forked,) = events(run, "forked")
    assert "the scale of the targets" in forked["kept"]


def test_a_fork_with_another_loss_waits_for_none_of_the_old_ones(tmp_path: Path, regression: Run) -> None:
    remember(code_of_run(regression))
    run = fork(regression, "task.loss=l1", "training.epochs=31", "training.early_stopping=5", runs=tmp_path)
    assert work(run) == 0, read_status(run).error
    (forked,) = events(run, "forked")
    assert [words for words in forked["dropped"] if "early stopping" in words]


def test_an_exported_regression_says_what_its_outputs_are(tmp_path: Path, regression: Run) -> None:
    (part := tmp_path / "model.safetensors").touch()
    exported = export_model(regression, max(regression.checkpoints.glob("*.pt")), "safetensors", part)
    assert exported["notes"] == ["the outputs are standardized targets: a prediction is output × std + mean, which are those of `task` in data.json and in the checkpoint"]


def test_findings_of_a_regression_speak_of_no_classes(regression: Run) -> None:
    reader = RunReader(regression)
    reader.refresh()
    assert not [found for found in report(reader).findings if "class" in found.sentence or "accuracy" in found.sentence]


def test_a_regression_that_does_not_learn_is_compared_with_the_constant_prediction(tmp_path: Path) -> None:
    run = task_run(tmp_path, 'kind = "regression"', "noise", epochs=1, training='[schedule]\nkind = "constant"')
    trained(run)
    reader = RunReader(run)
    reader.refresh()
    (found,) = [each for each in report(reader).findings if "not learning" in each.sentence]
    assert "a constant prediction has 1" in found.sentence


def test_several_labels_for_each_sample_are_learned(tmp_path: Path) -> None:
    run = task_run(tmp_path, 'kind = "multi_label"\nbalanced = true', "tags", epochs=15, training='monitor = "micro_f1"')
    trained(run)
    status = read_status(run)
    assert status.beside_loss == "average_precision"
    assert status.metrics["average_precision"] > 0.9  # type: ignore[operator]
    assert status.best == pytest.approx(status.metrics_at_best["micro_f1"])
    (_, targets), _ = data.tags()
    positives = targets.sum(0)
    assert newest_state(run)["task"]["pos_weight"] == pytest.approx(((len(targets) - positives) / positives).tolist())


def test_pixels_are_told_apart(segmentation: Run) -> None:
    status = read_status(segmentation)
    assert status.beside_loss == "mean_iou"
    assert status.metrics["mean_iou"] > 0.8  # type: ignore[operator]
    assert newest_state(segmentation)["found"]["data"]["classes"] == 2  # 255 is none
    found = read_classification(segmentation)
    assert found is not None
    assert sum(found.support) == 8 * 6 * 5  # the last column is ignored
    assert found.mean_iou == pytest.approx(status.metrics["mean_iou"])
    assert status.tokens_per_sample == 0
    reader = RunReader(segmentation)
    reader.refresh()
    assert not [each for each in report(reader).findings if "sample" in each.sentence]


@pytest.mark.parametrize(
    ("task", "target", "arguments", "score"),
    [
        ('kind = "segmentation"\nloss = "both"', "masks", "one_by_one = true", "mean_iou"),
        ('kind = "multi_label"\nbalanced = true', "tags", "", "average_precision"),
        ('kind = "regression"\nloss = "huber"', "slope", "targets = 2", "r2"),
        ('kind = "regression"', "slope", "one_by_one = true", "mae"),
        ('kind = "classification"\nbalanced = true\nignore_index = 255', "rare", "ignored = 255", "f1"),
    ],
)
def test_a_resume_is_bit_equal(tmp_path: Path, task: str, target: str, arguments: str, score: str) -> None:
    whole, parted = (task_run(tmp_path / name, task, target, arguments=arguments, training="accumulate = 2") for name in ("whole", "parted"))
    assert work(whole) == 0
    stop_and_resume(parted, 2, 3)
    check_alike(whole, parted, score)


def test_weights_of_the_classes_are_those_of_the_training_set(tmp_path: Path) -> None:
    run = task_run(tmp_path, 'kind = "classification"\nbalanced = true', "rare", epochs=1)
    trained(run)
    assert newest_state(run)["task"]["weights"] == pytest.approx([80 / (2 * 72), 80 / (2 * 8)])
    assert read_status(run).baselines["accuracy"] == pytest.approx(0.9)
    reader = RunReader(run)
    reader.refresh()
    assert not [found for found in report(reader).findings if found.title == "class imbalance"]


@pytest.mark.parametrize(
    ("task", "target", "arguments", "sentence"),
    [
        ('kind = "regression"', "slope", "spoilt = 7", "the training set has targets that are not finite; the first is that of sample 7"),
        ('kind = "regression"', "slope", "spoilt = 55, one_by_one = true", "the validation set, sample 7 has targets that are not finite"),
        ('kind = "regression"', "slope", "scale = 0", "every training target is 1000; there is nothing to learn"),
        ('kind = "multi_label"', "tags", "spoilt = 7", "the training set has targets that are neither 0 nor 1; the first is that of sample 7"),
        ('kind = "segmentation"', "masks", "other_side = 4", "a mask is int64 6×4, and its picture float32 1×6×6"),
        ('kind = "segmentation"', "masks", "other_side = 5, one_by_one = true", "a mask is int64 6×5, and its picture float32 1×6×6"),
        ('kind = "segmentation"', "masks", "classes = 1", "has a single class"),
        ('kind = "segmentation"\nclass_weights = [1, 2, 3]', "masks", "", "task.class_weights must be 2 weights, one for each class of the data, not 3"),
        ('kind = "auto"', "slope", "", "for numbers to predict set task.kind = regression"),
        ('kind = "language_model"', "rare", "", "each sample has one; set task.kind = classification"),
        ('kind = "classification"\nclass_weights = [1, 2, 3]', "rare", "", "task.class_weights must be 2 weights, one for each class of the data, not 3"),
        ('kind = "classification"', "rare", "ignored = 255", "one class fewer"),
    ],
)
def test_what_does_not_fit_is_said_before_training(tmp_path: Path, task: str, target: str, arguments: str, sentence: str) -> None:
    if sentence == "one class fewer":
        run = task_run(tmp_path, f"{task}\nignore_index = 255", target, arguments=arguments, epochs=1)
        trained(run)
        assert newest_state(run)["found"]["data"]["classes"] == 2
        return
    assert sentence in refusal(task_run(tmp_path, task, target, arguments=arguments))


@pytest.mark.parametrize(
    ("task", "headline"),
    [
        ('kind = "regression"', "r2"),
        ('kind = "multi_label"', "average_precision"),
        ('kind = "segmentation"', "mean_iou"),
        ('kind = "classification"', "accuracy"),
        ('kind = "custom"\ntarget = "tests.tasks.data:missing"', "loss"),
    ],
)
def test_a_run_that_fails_before_its_data_are_there_knows_what_it_would_have_measured(tmp_path: Path, task: str, headline: str) -> None:
    run = task_run(tmp_path, task, "missing")
    remember(code_of_run(run))
    assert "missing" in refusal(run)
    status = read_status(run)
    assert (status.step, status.beside_loss) == (0, headline)
