"""One worker a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.launch import start_worker
from gradtop.trainer.record import Run, RunState, Status, read_status, write_status
from tests.process.support import Worker, make_run, state_of, wait_for_state, wait_for_step
from tests.support import wait_until

Start = Callable[..., Worker]


def test_a_second_worker_is_refused_and_the_first_does_not_notice(tmp_path: Path, start: Start) -> None:
    run = make_run(tmp_path)
    first = start(run)
    step = wait_for_step(run, 20).step

    for options in ([], ["--resume"]):
        assert start(run, *options).wait() == 1
    with pytest.raises(OSError, match=f"is being trained by process {first.pid}"):
        start_worker(run, resume=True)

    assert f"{run.id} is being trained by process {first.pid}" in run.log.read_text()
    wait_for_step(run, step + 200)
    assert (read_status(run).pid, state_of(run)) == (first.pid, "training")


def test_of_workers_that_start_at_the_same_time_one_trains(tmp_path: Path, start: Start) -> None:
    run = make_run(tmp_path, epochs=20)

    workers = [start(run) for _ in range(5)]

    assert sorted(worker.wait() for worker in workers) == [0, 1, 1, 1, 1]
    wait_for_state(run, "done")
    assert read_status(run).step == 20 * 25
    assert len(list(run.streams.glob("steps.*.bin"))) == 1


def test_a_run_that_was_trained_is_not_begun_anew(tmp_path: Path, start: Start) -> None:
    run = make_run(tmp_path, epochs=2)
    assert start(run).wait() == 0

    assert start(run).wait() == 1

    assert "has been trained before" in run.log.read_text()
    assert state_of(run) == "done"


def elsewhere(run: Run, ahead: float) -> None:
    """As the worker of another host, whose clock is so many seconds ahead of ours, writes its status now."""
    write_status(run, Status(state=RunState.TRAINING, pid=1, host="elsewhere", updated=time.time() + ahead))


def test_a_run_of_another_host_is_not_trained_a_second_time_whatever_that_hosts_clock_says(tmp_path: Path, start: Start) -> None:
    run = make_run(tmp_path)
    elsewhere(run, ahead=-3600.0)
    worker = start(run)

    def ended() -> bool:
        elsewhere(run, ahead=-3600.0)
        return not worker.alive

    wait_until(ended, why="the second worker to be refused")
    assert worker.wait() == 1
    assert f"{run.id} is being trained by process 1 on elsewhere" in run.log.read_text()


def test_a_run_that_died_on_a_host_whose_clock_is_ahead_can_be_trained(tmp_path: Path, start: Start) -> None:
    run = make_run(tmp_path, epochs=1)
    elsewhere(run, ahead=3600.0)

    assert start(run).wait() == 0
