"""SIGKILL in the training of a task: the run goes on to where it would have come anyway."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.record import Run, new_run
from tests.process.support import Worker, wait_for_step
from tests.tasks.support import task_run
from tests.training.runs import check_alike

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
    return new_run(folder, "\n".join([*tables, '[training]\nepochs = 60\nbatch_size = 16\ndevice = "cpu"\nthreads = 1\nseed = 3\n']), {})


@pytest.mark.parametrize(("task", "target", "score"), TASKS)
def test_a_killed_run_resumes_bit_equal(tmp_path: Path, start: Callable[..., Worker], task: str, target: str, score: str) -> None:
    whole, killed = (task_run(tmp_path / name, task, target, arguments="samples = 200", epochs=40, training="seed = 3") for name in ("whole", "killed"))
    check_killed(whole, killed, start, score)


def test_a_killed_run_of_an_own_task_on_dicts_resumes_bit_equal(tmp_path: Path, start: Callable[..., Worker]) -> None:
    check_killed(own_run(tmp_path / "whole"), own_run(tmp_path / "killed"), start, "hidden_norm")


def check_killed(whole: Run, killed: Run, start: Callable[..., Worker], score: str) -> None:
    assert start(whole).wait() == 0
    for step in (9, 83):
        worker = start(killed, *(["--resume"] if step > 9 else []))
        wait_for_step(killed, step)
        worker.kill()
        worker.wait()
    assert start(killed, "--resume").wait() == 0
    check_alike(whole, killed, score)
