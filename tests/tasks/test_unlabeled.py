"""Samples none of whose labels counts: in one batch, in a whole set, in the check before training."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from gradtop.trainer.config import load_config
from gradtop.trainer.record import Run, read_status
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.server.config_check import check_config, problems_of
from tests.tasks.support import task_run
from tests.training.runs import events, rows, trained

MASKS = 'kind = "segmentation"\nloss = "both"'
LABELS = 'kind = "classification"\nignore_index = 255'
ADDED = ("weighted_f1", "matthews_corrcoef", "error_rate")
METRICS = 'metrics = ["weighted_f1", "matthews_corrcoef", "tests.tasks.metrics.mine:error_rate"]'


def unlabeled_run(folder: Path, task: str, training: int, validation: int) -> Run:
    return task_run(folder, task, "unlabeled", arguments=f"training = {training}, validation = {validation}, pixels = {str(task == MASKS).lower()}", training=METRICS)


@pytest.mark.parametrize("task", [MASKS, LABELS], ids=["segmentation", "classification"])
def test_a_batch_without_a_label_has_a_loss_of_0_and_is_said_before_training(tmp_path: Path, task: str) -> None:
    run = unlabeled_run(tmp_path, task, 29, 8)  # three are left for four batches
    trained(run)
    (note, other) = (event["message"] for event in events(run, "data") if "have no label" in event["message"])
    assert note.endswith(": the training set: 29 of 32 samples have no label but 255, which task.ignore_index leaves out; a batch of such samples alone has a loss of 0 and no gradient")
    assert "the validation set: 8 of 16 samples" in other
    losses = [loss for _, loss in rows(run, "steps", "loss")]
    assert 0.0 in losses
    assert all(map(math.isfinite, losses))
    measured = rows(run, "evals", "loss", "accuracy", *ADDED)
    assert len(measured) == 2
    assert all(math.isfinite(value) for row in measured for value in row)
    assert not read_status(run).error


@pytest.mark.parametrize("task", [MASKS, LABELS], ids=["segmentation", "classification"])
@pytest.mark.parametrize(("training", "validation", "which"), [(32, 0, "training"), (0, 16, "validation")])
def test_a_set_without_a_label_is_refused(tmp_path: Path, task: str, training: int, validation: int, which: str) -> None:
    run = unlabeled_run(tmp_path, task, training, validation)
    with pytest.raises(UserError) as caught:
        check_config(load_config(run.config), tmp_path, lambda _: None)
    assert str(caught.value) == f"data.target: tests.tasks.data:unlabeled: the {which} set has no label but 255, which task.ignore_index leaves out"


def test_the_check_says_that_the_first_batch_has_no_label(tmp_path: Path) -> None:
    about = check_config(load_config(unlabeled_run(tmp_path, LABELS, 31, 1).config), tmp_path, lambda _: None)
    assert "no sample of the first batch has a label that is a class: all are left out by task.ignore_index, and its loss is 0" in problems_of(about)
    about = check_config(load_config(unlabeled_run(tmp_path, LABELS, 0, 1).config), tmp_path, lambda _: None)
    assert not [each for each in problems_of(about) if "first batch" in each]
