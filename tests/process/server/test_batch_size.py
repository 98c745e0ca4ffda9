"""A batch-size search, each size in a fork of the torch server: memory that does not suffice, a kill, a stop and a resume."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.analysis.text import resumes_from
from gradtop.trainer.config import parse_config
from gradtop.trainer.job import find_job
from gradtop.trainer.jobs.batch_size.result import read_sizes
from gradtop.trainer.launch import create_run, start_worker
from gradtop.trainer.record import EventReader, Run, RunReader, RunState, read_status, send
from tests.process.support import Process, state_of, wait_for_state
from tests.support import wait_until

Adopt = Callable[[Run], Process]

# Takes about 2.5 MiB for each sample that it trains on, if it is to also in an evaluation, and dies in a large batch if it is to.
GREEDY = """
import os, signal
import torch

class Greedy(torch.nn.Module):
    def __init__(self, dies_at, evaluates, width):
        super().__init__()
        self.dies_at, self.evaluates, self.width = dies_at, evaluates, width
        self.head = torch.nn.Linear(16, 3)
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, images):
        if self.training and self.dies_at and len(images) >= self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        large = self.scale * torch.ones(len(images), self.width if self.training or self.evaluates else 1)
        return self.head(images.flatten(1)) + 1e-9 * (large * large).sum(1, keepdim=True)

def build(dies_at=0, evaluates=False, width=1 << 17):
    return Greedy(dies_at, evaluates, width)
"""
CONFIG = """
[model]
kind = "custom"
target = "greedy:build"
arguments = {{ {arguments} }}

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

[batch_size]
steps = 1
warmup = 1
noise_batches = 2
resolution = 0.2
{more}
"""


@pytest.fixture
def search(running_server: int, project: Path, tmp_path: Path, adopt: Adopt) -> Callable[..., Run]:
    (project / "greedy.py").write_text(GREEDY)

    def begin(more: str = "", arguments: str = "") -> Run:
        run = create_run(tmp_path / "runs", parse_config(CONFIG.format(more=more, arguments=arguments), job="batch_size"))
        start_worker(run)
        adopt(run)
        return run

    return begin


def ends(run: Run, state: RunState) -> None:
    wait_for_state(run, *(each for each in RunState if each.has_ended), timeout=100)
    assert (state_of(run), read_status(run).error) == (state, "")


def sizes(run: Run) -> dict[int, bool]:
    return {each.batch_size: each.fits for each in read_sizes(RunReader(run))}


def test_a_size_that_exceeds_the_memory_does_not_fit_and_the_largest_that_does_is_found(search: Callable[..., Run]) -> None:
    run = search()
    ends(run, RunState.DONE)
    result = read_status(run).result
    assert sizes(run) == dict.fromkeys((8, 16, 32, 64, 128, 200), True)
    assert (result["largest"], result["limited_by"], result["noise_samples"]) == (200, "samples", 16)
    # Half a MiB each for `large`, what it is made of, its square, and their gradients; an allocator may keep as much again.
    assert 1.5 < float(str(result["memory_per_sample"])) / (1 << 20) < 8
    free = float(str(result["memory_free"]))

    none = search(f"memory = {0.9 * (25 << 20) / free:.6f}", "evaluates = true")
    wait_for_state(none, RunState.FAILED, timeout=100)
    assert "not even an evaluation after training with a batch size of 1 fits" in read_status(none).error

    tight = search(f"memory = {0.9 * (160 << 20) / free:.6f}")
    ends(tight, RunState.DONE)
    result = read_status(tight).result
    assert result["limited_by"] == "memory"
    assert 8 <= int(str(result["largest"])) < 128
    assert not all(sizes(tight).values())
    reader = RunReader(tight)
    reader.refresh()
    told = dict(find_job("batch_size").result.lines(reader))
    assert "a larger one does not fit" in told["largest"]


def test_a_size_that_kills_its_process_does_not_fit_and_the_search_goes_on(search: Callable[..., Run]) -> None:
    run = search(arguments="dies_at = 50")
    ends(run, RunState.DONE)
    assert sizes(run) == {8: True, 16: True, 32: True, 64: False, 48: True, 56: False}
    events = EventReader(run)
    events.refresh()
    assert any("batch size 64: the process was killed by SIGKILL" in json.dumps(event) for event in events.events)
    assert read_status(run).result["largest"] == 48


def test_stopped_it_says_what_it_has_found_and_resumed_it_goes_on_from_there(search: Callable[..., Run], adopt: Adopt) -> None:
    run = search(arguments=f"width = {1 << 16}")  # most of the time goes into memory
    wait_until(lambda: read_status(run).step >= 2, 60, "two sizes")
    send(run, "stop")
    ends(run, RunState.STOPPED)
    before = sizes(run)
    reader = EventReader(run)
    reader.refresh()
    assert [event["unsaved"] for event in reader.events if event["kind"] == "command"] == [True]  # no checkpoint is promised
    stopped = RunReader(run)
    stopped.refresh()
    assert resumes_from(stopped) == "what it has recorded"
    assert read_status(run).result["largest"] == max(before) < 200
    start_worker(run, resume=True)
    adopt(run)
    ends(run, RunState.DONE)
    assert list(sizes(run))[: len(before)] == list(before)
    assert max(sizes(run)) == 200
