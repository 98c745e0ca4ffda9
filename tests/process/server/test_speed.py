"""A speed test, each measurement in a fork of the torch server: a setting that is faster, one that kills its process, a stop and a resume."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.config import parse_config
from gradtop.trainer.jobs.speed.result import read_timings
from gradtop.trainer.launch import create_run, start_worker
from gradtop.trainer.record import Run, RunReader, RunState, read_status, send
from tests.process.support import Process, state_of, wait_for_state
from tests.support import wait_until

Adopt = Callable[[Run], Process]

# Its forward pass multiplies much, unless it runs in bf16; with one thread it dies if it is to.
SLOW = """
import os, signal
import torch

class Slow(torch.nn.Module):
    def __init__(self, dies):
        super().__init__()
        self.dies = dies
        self.head = torch.nn.Linear(16, 3)

    def forward(self, images):
        if self.dies and torch.get_num_threads() == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if not torch.is_autocast_enabled("cpu"):
            much = torch.ones(700, 700)
            for _ in range(4):
                much = much @ much / 700
        return self.head(images.flatten(1))

def build(dies=False):
    return Slow(dies)
"""
CONFIG = """
[model]
kind = "custom"
target = "slow:build"
arguments = {{ dies = {dies} }}

[data]
kind = "fake"
samples = 200
classes = 3
image_size = 4
channels = 1

[training]
batch_size = 8
threads = 2
device = "cpu"

[speed]
settings = {settings}
steps = 1
seconds = 0.01
rounds = {rounds}
"""


@pytest.fixture
def test(running_server: int, project: Path, tmp_path: Path, adopt: Adopt) -> Callable[..., Run]:
    (project / "slow.py").write_text(SLOW)

    def begin(*, dies: str = "false", rounds: int = 1, settings: str = '["precision"]') -> Run:
        run = create_run(tmp_path / "runs", parse_config(CONFIG.format(dies=dies, rounds=rounds, settings=settings), job="speed"))
        start_worker(run)
        adopt(run)
        return run

    return begin


def ends(run: Run, state: RunState) -> None:
    wait_for_state(run, *(each for each in RunState if each.has_ended), timeout=100)
    assert (state_of(run), read_status(run).error) == (state, "")


def test_the_faster_setting_is_found_and_one_that_kills_its_process_is_a_result(test: Callable[..., Run]) -> None:
    run = test(dies="true", settings='["threads", "precision"]')
    ends(run, RunState.DONE)
    result = read_status(run).result
    assert result["chosen"] == {"training.precision": "bf16"}
    assert float(str(result["speedup"])) > 1.03  # the least gain that is taken; by how much more depends on what else the machine does
    errors = {str(each.changes): each.error for each in read_timings(RunReader(run)) if each.error}
    assert set(errors) <= {"{'training.threads': 1}"}
    assert all("killed by SIGKILL" in error for error in errors.values())


def test_stopped_and_resumed_it_goes_on_from_what_it_has_measured(test: Callable[..., Run], adopt: Adopt) -> None:
    run = test(rounds=3)
    wait_until(lambda: read_status(run).step >= 2, 60, "two measurements")
    send(run, "stop")
    ends(run, RunState.STOPPED)
    before = read_timings(RunReader(run))
    assert len(before) >= 2
    start_worker(run, resume=True)
    adopt(run)
    ends(run, RunState.DONE)
    after = read_timings(RunReader(run))
    assert after[: len(before)] == before
    assert "training.precision" in read_status(run).result["chosen"]  # type: ignore[operator]
