"""SIGKILL in the training of a task: the run goes on to where it would have come anyway."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.record import Run, new_run, read_status
from tests.data.mask_files import write_pairs
from tests.process.support import Worker
from tests.tasks.support import task_run
from tests.training.runs import check_alike, events

TASKS = [
    ('kind = "regression"\nloss = "huber"', "slope", "r2"),
    ('kind = "classification"\nbalanced = true', "rare", "f1"),
    ('kind = "multi_label"\nbalanced = true', "tags", "average_precision"),
    ('kind = "segmentation"\nloss = "both"', "masks", "mean_iou"),
]


def own_run(folder: Path) -> Run:
    """Dicts, a dropout, and a loss of somebody's own."""
    targets = {"model": "nested_project:reader", "data": "nested_project:encoded", "task": "own_task_project:charted"}
    tables = [f'[{name}]\nkind = "custom"\ntarget = "tests.training.{target}"\n' for name, target in targets.items()]
    return new_run(folder, "\n".join([*tables, '[training]\nepochs = 40\nbatch_size = 16\ndevice = "cpu"\nthreads = 1\nseed = 3\n']), {})


def mask_run(folder: Path, pictures: Path) -> Run:
    """Masks in folders, with a test set."""
    return new_run(folder, MASKS.format(root=pictures), {})


MASKS = """
[model]
kind = "custom"
target = "tests.tasks.data:pixel_classifier"

[data]
kind = "image_folder"
root = "{root}"
image_size = 8
workers = 0

[task]
kind = "segmentation"

[augment]
flip = 0.5

[training]
epochs = 30
batch_size = 4
device = "cpu"
threads = 1
"""
TESTED = '[model]\nkind = "mlp"\nhidden = [8]\n\n[data]\ntest = 0.3\n\n[training]\nepochs = 7\nbatch_size = 64\ndevice = "cpu"\nthreads = 1\nmetrics = ["auroc"]\n'


@pytest.mark.parametrize(("task", "target", "score"), TASKS)
def test_a_killed_run_resumes_bit_equal(tmp_path: Path, start: Callable[..., Worker], task: str, target: str, score: str) -> None:
    whole, killed = (task_run(tmp_path / name, task, target, arguments="samples = 200", epochs=5, training="seed = 3") for name in ("whole", "killed"))
    check_killed(whole, killed, start, score)


def test_a_killed_run_of_an_own_task_on_dicts_resumes_bit_equal(tmp_path: Path, start: Callable[..., Worker]) -> None:
    check_killed(own_run(tmp_path / "whole"), own_run(tmp_path / "killed"), start, "hidden_norm")


def test_a_killed_run_on_folders_of_masks_resumes_bit_equal(tmp_path: Path, start: Callable[..., Worker]) -> None:
    for part, count in {"train": 14, "val": 3, "test": 4}.items():
        write_pairs(tmp_path / "pictures" / part, count)
    whole, killed = (mask_run(tmp_path / name, tmp_path / "pictures") for name in ("whole", "killed"))
    check_killed(whole, killed, start, "mean_iou")
    check_tested(whole, killed)


def test_a_killed_run_with_a_test_set_resumes_bit_equal(tmp_path: Path, start: Callable[..., Worker]) -> None:
    whole, killed = (new_run(tmp_path / name, TESTED, {}) for name in ("whole", "killed"))
    check_killed(whole, killed, start, "auroc")
    check_tested(whole, killed)


def check_tested(whole: Run, killed: Run) -> None:
    """By the same weights, with the same figures; again only where it was killed meanwhile."""
    one, other = (read_status(run) for run in (whole, killed))
    assert one.test
    assert (one.test, one.test_step) == (other.test, other.test_step)
    (event,) = events(whole, "test")
    assert {each["samples"] for each in events(killed, "test")} == {event["samples"]}


KILLED = (9, 83)  # before the first checkpoint, and after several


def check_killed(whole: Run, killed: Run, start: Callable[..., Worker], score: str) -> None:
    assert start(whole).wait() == 0
    for step in KILLED:
        assert start(killed, *(["--resume"] if step > KILLED[0] else []), dies_at_step=step).wait() == -signal.SIGKILL
    assert start(killed, "--resume").wait() == 0
    assert events(killed, "resumed")[-1]["step"] > KILLED[0], "no checkpoint was there to go on from"
    check_alike(whole, killed, score)
