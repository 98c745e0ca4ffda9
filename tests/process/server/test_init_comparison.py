"""A comparison of initializations, each measurement in a fork of the torch server: one that kills its process, a kill and a resume."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gradtop.trainer.config import parse_config
from gradtop.trainer.jobs.init_comparison.result import ranking_of, read_init_trials
from gradtop.trainer.launch import create_run, start_worker
from gradtop.trainer.record import Run, RunReader, RunState, read_status
from tests.process.support import Process, state_of, wait_for_state
from tests.support import wait_until

Adopt = Callable[[Run], Process]

# Its forward pass ends the process where its weights are all the same, as after zeros.
FATAL = """
import os, signal
import torch

class Fatal(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(16, 3)

    def forward(self, images):
        if not self.head.weight.any():
            os.kill(os.getpid(), signal.SIGKILL)
        return self.head(images.flatten(1))

def build():
    return Fatal()
"""
CONFIG = """
[model]
kind = "custom"
target = "fatal_init:build"

[data]
kind = "fake"
samples = 200
classes = 3
image_size = 4
channels = 1

[training]
batch_size = 8
threads = 1
device = "cpu"

[init_comparison]
kinds = ["normal", "zeros", "default"]
seeds = 2
steps = 8
"""


def test_what_kills_its_process_is_a_result_and_after_a_kill_it_goes_on_where_it_was(running_server: int, project: Path, tmp_path: Path, adopt: Adopt) -> None:
    (project / "fatal_init.py").write_text(FATAL)
    run = create_run(tmp_path / "runs", parse_config(CONFIG, job="init_comparison"))
    start_worker(run)
    worker = adopt(run)
    wait_until(lambda: len(read_init_trials(RunReader(run))) >= 2, 60, "two measurements")
    worker.kill()
    wait_for_state(run, RunState.DIED, RunState.DONE)
    before = read_init_trials(RunReader(run))
    start_worker(run, resume=True)
    adopt(run)
    wait_for_state(run, *(each for each in RunState if each.has_ended and each is not RunState.DIED), timeout=100)
    assert (state_of(run), read_status(run).error) == (RunState.DONE, "")
    after = read_init_trials(RunReader(run))
    assert [(each.init, each.seed) for each in after] == [("normal", 0), ("zeros", 0), ("default", 0), ("normal", 1), ("default", 1)]
    assert len(before) < 2 or after[: len(before)] == before
    assert "killed by SIGKILL" in after[1].error
    ranking = ranking_of(read_status(run).result)
    assert [(each.init, each.seeds) for each in ranking.inits] == [("normal", 2), ("zeros", 1), ("default", 2)]
    assert [layer.name for layer in after[0].layers] == ["head.weight"]
