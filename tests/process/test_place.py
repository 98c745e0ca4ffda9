"""A run directory that is moved or deleted while its worker trains."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from gradtop.trainer.checkpoint.format import saved_steps
from gradtop.trainer.record import EventReader, Run, read_status, send
from gradtop.trainer.record.process import ask_by_signal, send_signals
from tests.process.support import Worker, resting_run, wait_for_step
from tests.support import wait_until
from tests.training.runs import rows

Start = Callable[..., Worker]


def test_a_run_that_is_moved_goes_on_where_it_is_now_and_no_record_is_lost(tmp_path: Path, start: Start) -> None:
    run = resting_run(tmp_path / "runs")
    log = tmp_path / "log"
    worker = start(run, log=log)
    wait_for_step(run, 20)
    moved = Run(tmp_path / "elsewhere" / "another-name")
    moved.path.parent.mkdir()

    run.path.rename(moved.path)

    wait_until(lambda: "was moved to" in str(EventReader(moved).refresh()), why="the event")
    wait_for_step(moved, read_status(moved).step + 50)
    send(moved, "stop")
    assert worker.wait() == 0
    status = read_status(moved)
    assert (status.state, status.warning, status.dropped) == ("stopped", "", 0)
    assert "could not" not in log.read_text()
    assert saved_steps(moved.checkpoints)[-1] == status.step
    assert [int(row[0]) for row in rows(moved, "steps")] == list(range(1, status.step + 1))
    assert not run.path.exists()


def test_a_run_that_is_deleted_ends_and_says_so(tmp_path: Path, start: Start) -> None:
    run, log = resting_run(tmp_path / "runs"), tmp_path / "log"
    worker = start(run, log=log)
    wait_for_step(run, 20)

    run.path.rename(tmp_path / "trash")
    shutil.rmtree(tmp_path / "trash", ignore_errors=True)

    assert worker.wait() == 1
    assert f"{run.path} was deleted while its worker ran" in log.read_text() or "trash was deleted while its worker ran" in log.read_text()
    assert not run.path.exists()


def test_a_run_of_which_only_a_part_is_left_ends_too(tmp_path: Path, start: Start) -> None:
    """As `rm -rf` leaves it that is too slow for a worker which writes a new file while the directory empties."""
    run, log = resting_run(tmp_path / "runs"), tmp_path / "log"
    worker = start(run, log=log)
    wait_for_step(run, 20)

    run.config.unlink()

    assert worker.wait() == 1
    assert read_status(run).state == "failed"
    assert "was deleted while its worker ran" in log.read_text()


def test_folders_that_are_deleted_from_a_run_are_made_anew(tmp_path: Path, start: Start) -> None:
    run = resting_run(tmp_path / "runs")
    worker = start(run, log=tmp_path / "log")
    wait_for_step(run, 20)
    for folder in (run.checkpoints, run.streams, run.control, run.leases):
        shutil.rmtree(folder, ignore_errors=True)
    wait_until(lambda: bool(list(run.streams.glob("steps.*.bin"))), why="the records")

    send(run, "stop")

    assert worker.wait() == 0
    status = read_status(run)
    assert (status.state, status.error) == ("stopped", "")
    assert saved_steps(run.checkpoints)[-1] == status.step == rows(run, "steps")[-1][0]


def test_a_signal_meant_for_a_copy_of_a_live_run_does_not_end_the_run(tmp_path: Path, start: Start) -> None:
    run, copy = resting_run(tmp_path / "runs"), Run(tmp_path / "runs" / "copy")
    worker = start(run, log=tmp_path / "log")
    wait_for_step(run, 20)
    shutil.copytree(run.path, copy.path)

    assert not send_signals(copy, read_status(copy), signal.SIGKILL)
    assert ask_by_signal(copy, read_status(copy), "stop") == ""

    send(run, "stop")
    assert worker.wait() == 0
    assert read_status(run).state == "stopped"
