"""SIGKILL in the training of a task: the run goes on to where it would have come anyway."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.process.support import Worker, wait_for_step
from tests.tasks.support import task_run
from tests.training.runs import check_alike

TASKS = [
    ('kind = "regression"\nloss = "huber"', "slope", "r2"),
    ('kind = "classification"\nbalanced = true', "rare", "f1"),
    ('kind = "multi_label"\nbalanced = true', "tags", "average_precision"),
    ('kind = "segmentation"\nloss = "both"', "masks", "mean_iou"),
]


@pytest.mark.parametrize(("task", "target", "score"), TASKS)
def test_a_killed_run_resumes_bit_equal(tmp_path: Path, start: Callable[..., Worker], task: str, target: str, score: str) -> None:
    whole, killed = (task_run(tmp_path / name, task, target, arguments="samples = 200", epochs=40, training="seed = 3") for name in ("whole", "killed"))
    assert start(whole).wait() == 0
    for step in (9, 83):
        worker = start(killed, *(["--resume"] if step > 9 else []))
        wait_for_step(killed, step)
        worker.kill()
        worker.wait()
    assert start(killed, "--resume").wait() == 0
    check_alike(whole, killed, score)
