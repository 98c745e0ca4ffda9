"""SIGKILL while processes read data of somebody's own: the run goes on to where it would have come anyway."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.record import Run, new_run
from tests.process.support import Worker
from tests.training.runs import check_alike, events

DATA = {
    "workers and a sampler": 'target = "tests.data.test_workers:load"\nworkers = 2\nsampler = "balanced"',
    "an iterable": 'target = "tests.data.test_streams:load"\narguments = {name = "both"}',
    "a loader with processes": 'target = "tests.data.test_streams:load"\narguments = {name = "processes"}',
}


def run_of(folder: Path, data: str) -> Run:
    training = 'steps = 80\nevaluate_every = 25\nbatch_size = 8\ndevice = "cpu"\nthreads = 1\nseed = 3'
    return new_run(folder, f'[data]\nkind = "custom"\n{data}\n[model]\nkind = "mlp"\nhidden = [8]\ndropout = 0.25\n[training]\n{training}\n', {})


@pytest.mark.parametrize("data", DATA.values(), ids=DATA.keys())
def test_a_killed_run_resumes_bit_equal(tmp_path: Path, start: Callable[..., Worker], data: str) -> None:
    whole, killed = (run_of(tmp_path / name, data) for name in ("whole", "killed"))
    assert start(whole).wait() == 0
    for step in (9, 41):
        assert start(killed, *(["--resume"] if step > 9 else []), dies_at_step=step).wait() == -signal.SIGKILL
    assert start(killed, "--resume").wait() == 0
    assert events(killed, "resumed")[-1]["step"] > 9, "no checkpoint was there to go on from"
    check_alike(whole, killed, "accuracy")
