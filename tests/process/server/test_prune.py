"""A sweep of pruning, each measurement in a fork of the torch server: one that kills its process, a kill and a stop, and what a resume makes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.config import parse_config
from gradtop.trainer.jobs.prune.result import read_prune_trials
from gradtop.trainer.launch import create_run, find_checkpoint, start_worker
from gradtop.trainer.launch.run_config import changed_config
from gradtop.trainer.record import Run, RunReader, RunState, read_status, send
from tests.process.support import Process, state_of, wait_for_state
from tests.support import wait_until

Adopt = Callable[[Run], Process]

# Its forward pass ends the process where most of its weights are zero.
FATAL = """
import os, signal
import torch

class Brittle(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(16, 24)
        self.head = torch.nn.Linear(24, 3)

    def forward(self, images):
        if (self.first.weight == 0).float().mean() > 0.85:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.head(self.first(images.flatten(1)).relu())

def build():
    return Brittle()
"""
CONFIG = """
[model]
kind = "custom"
target = "brittle:build"

[data]
kind = "fake"
samples = 200
classes = 3
image_size = 4
channels = 1

[training]
epochs = 1
batch_size = 32
threads = 1
device = "cpu"
"""
SWEEP = ("prune.methods=layer_l1", "prune.amounts=0.3,0.6,0.9", "prune.write=0.6")


@pytest.fixture
def sweep(running_server: int, project: Path, tmp_path: Path, adopt: Adopt) -> Run:
    """A sweep that has begun, on a run that trained."""
    (project / "brittle.py").write_text(FATAL)
    trained = create_run(tmp_path / "runs", parse_config(CONFIG))
    start_worker(trained)
    adopt(trained)
    wait_for_state(trained, RunState.DONE, timeout=100)
    _, config, changes = changed_config(trained, SWEEP, job="prune")
    run = create_run(tmp_path / "runs", config, parent=trained, checkpoint=find_checkpoint(trained).path, changes=changes)
    start_worker(run)
    return run


def finished(run: Run, before: int, adopt: Adopt) -> None:
    """Resumed, it measures what is left alone, and ends with the checkpoint written."""
    kept = read_prune_trials(RunReader(run))
    assert len(kept) >= before
    start_worker(run, resume=True)
    adopt(run)
    wait_for_state(run, RunState.DONE, RunState.FAILED, timeout=100)
    assert (state_of(run), read_status(run).error) == (RunState.DONE, "")
    trials = read_prune_trials(RunReader(run))
    assert [(each.method, each.amount) for each in trials] == [("", 0.0), ("layer_l1", 0.3), ("layer_l1", 0.6), ("layer_l1", 0.9)]
    assert repr(trials[: len(kept)]) == repr(kept)  # figures that are not known are not equal
    assert "killed by SIGKILL" in trials[-1].error
    assert [each.note for each in RunReader(run).checkpoints()] == ["pruned: layer_l1 60 %"]
    assert not list(run.checkpoints.glob(".*"))


def test_after_a_kill_it_goes_on_where_it_was_and_what_kills_its_process_is_a_result(sweep: Run, adopt: Adopt) -> None:
    worker = adopt(sweep)
    wait_until(lambda: read_status(sweep).step >= 2, 60, "two measurements")
    worker.kill()
    wait_for_state(sweep, RunState.DIED, RunState.DONE)
    if state_of(sweep) is RunState.DIED:
        finished(sweep, 1, adopt)


def test_stopped_it_keeps_what_it_has_measured(sweep: Run, adopt: Adopt) -> None:
    adopt(sweep)
    wait_until(lambda: read_status(sweep).step >= 1, 60, "a measurement")
    send(sweep, "stop")
    wait_for_state(sweep, RunState.STOPPED, RunState.DONE, timeout=100)
    if state_of(sweep) is RunState.STOPPED:
        finished(sweep, 1, adopt)
