"""What of a task cannot be combined with the rest of a configuration is said before anything is built."""

from __future__ import annotations

import pytest

from gradtop.trainer.config import load_config, parse_config
from tests.config.strategies import problems_of
from tests.docs import ROOT

CUSTOM = '[data]\nkind = "custom"\ntarget = "a:b"\n'
TEXT = '[model]\nkind = "language_model"\n[data]\nkind = "text"\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[task]\nkind = "multi_label"\nthreshold = 2\n' + CUSTOM, "task.threshold: must be a number > 0 and < 1, not 2"),
        ('[task]\nkind = "multi_label"\n', "task.kind: multi_label requires several labels for each sample, and data.kind = digits has classes; use data.kind = custom"),
        ('[task]\nkind = "regression"\n[augment]\nmixup = 0.2\n' + CUSTOM, "augment.mixup: requires classes; task.kind is regression"),
        ('[task]\nkind = "regression"\n[training]\nmonitor = "f1"\n' + CUSTOM, "training.monitor: f1 requires labels of samples, and these data have numbers as targets (data.kind is custom)"),
        ('[task]\nkind = "classification"\nclass_weights = [1, 2]\n', "task.class_weights: must be 10 weights, one for each class of data.kind = digits, not 2"),
        ('[task]\nkind = "classification"\nclass_weights = [0, 0]\n' + CUSTOM, "task.class_weights: are all 0, so that no sample counts"),
        ('[task]\nkind = "classification"\nclass_weights = [1, 2]\nbalanced = true\n' + CUSTOM, "task.class_weights: cannot be combined with task.balanced, which computes the weights; leave one out"),
        ('[task]\nkind = "classification"\nfocal = 2.0\n[training]\nlabel_smoothing = 0.1\n', "task.focal: cannot be combined with training.label_smoothing"),
        ('[task]\nkind = "classification"\nbalanced = true\n[augment]\ncutmix = 1.0\n', "task.balanced: cannot be combined with augment.cutmix, which mixes the classes of two images"),
        ('[task]\nkind = "classification"\n' + TEXT, "task.kind: classification requires images, and data.kind is text"),
        ('[task]\nkind = "language_model"\n', "task.kind: language_model requires characters, and data.kind is digits"),
        ('[task]\nkind = "segmentation"\n' + CUSTOM, "task.kind: segmentation requires outputs for each pixel, which model.kind = cnn has not; use model.kind = custom"),
        ('[task]\nkind = "segmentation"\n[augment]\nerasing = 0.5\n[model]\nkind = "custom"\ntarget = "a:b"\n' + CUSTOM, "augment.erasing: changes the picture and not its mask, so that it cannot be used where task.kind is segmentation"),
    ],
)
def test_what_cannot_be_combined_is_said(text: str, sentence: str) -> None:
    assert sentence in problems_of(text)


def test_without_a_task_the_data_tell() -> None:
    assert parse_config("").task.kind == "auto"
    assert parse_config(TEXT).task.kind == "auto"
    assert parse_config('[task]\nkind = "language_model"\n' + TEXT).task.kind == "language_model"


@pytest.mark.parametrize("name", ["regression", "multi_label", "segmentation"])
def test_the_examples_are_of_their_task(name: str) -> None:
    assert load_config(ROOT / "configs" / f"{name}.toml").task.kind == name


@pytest.mark.parametrize(
    ("training", "sentence"),
    [
        ('metrics = ["auroc", "mape"]', "training.metrics: mape requires numbers as targets, and these data have labels of samples (data.kind is digits); there are average_precision, auroc, "),
        ('metrics = ["aurock"]', "training.metrics: 'aurock' is no metric; there are "),
        ('metrics = ["aurock"]', "did you mean auroc?"),
        ('metrics = ["mine:"]', "training.metrics: 'mine:' must be package.module:callable, as code of yours is named"),
        ('metrics = ["mine:f1"]', "training.metrics: mine:f1 would be recorded as 'f1', which is the name of something else; rename it"),
        ('metrics = ["mine:epoch"]', "training.metrics: mine:epoch would be recorded as 'epoch', which is the name of something else; rename it"),
        ('metrics = ["auroc", "auroc"]', "training.metrics: names auroc twice"),
        ('metrics = ["top10_accuracy"]', "training.metrics: top10_accuracy requires at least 11 classes, and these data have 10 (data.kind is digits)"),
        ('monitor = "auroc"', "training.monitor: auroc requires training.metrics to name it (data.kind is digits)"),
        ('metrics = ["mine:gain"]\nmonitor = "gain"', "training.monitor_mode: must be min or max where training.monitor is gain, of which only its code knows which is better"),
        ('metrics = ["mine:gain"]\nmonitor = "loss_of_gain"', "training.monitor: must be one of loss, accuracy, "),
    ],
)
def test_metrics_that_evaluations_cannot_measure_are_said(training: str, sentence: str) -> None:
    assert any(sentence in each for each in problems_of(f"[training]\n{training}\n"))


@pytest.mark.parametrize(
    "training",
    [
        'metrics = ["auroc", "average_precision", "top3_accuracy", "top5_accuracy", "accuracy", "mine:gain"]\nmonitor = "auroc"',
        'metrics = ["mine:gain"]\nmonitor = "gain"\nmonitor_mode = "max"',
        'metrics = ["top3_accuracy"]\nmonitor = "top3_accuracy"',
    ],
)
def test_metrics_that_fit_are_taken(training: str) -> None:
    assert parse_config(f"[training]\n{training}\n").training.metrics


def test_an_objective_of_a_search_must_be_measured_by_its_trials() -> None:
    job = '[search.space]\n"optimizer.lr" = "log(1e-4, 1e-2)"\n[search]\nobjectives = ["auroc"]\n'
    assert "search.objectives: auroc requires training.metrics to name it (data.kind is digits)" in problems_of('job = "search"\n' + job)
    assert not problems_of('job = "search"\n' + job + '[training]\nmetrics = ["auroc"]\n')
