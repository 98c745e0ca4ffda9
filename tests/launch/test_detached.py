from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from gradtop.trainer.launch import detached, start_worker
from gradtop.trainer.record import RunState, Status, process_start, read_status, this_host, write_status
from tests.launch.support import make_run

ROOT = Path(__file__).parents[2]


def being_trained_by_this_process() -> Status:
    host, boot = this_host()
    return Status(state=RunState.TRAINING, pid=os.getpid(), pid_started=process_start(os.getpid()), host=host, boot=boot)


def test_an_interpreter_that_is_not_there_is_a_clear_error_and_the_run_shows_as_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    with pytest.raises(FileNotFoundError, match="/nowhere/python"):
        start_worker(run)

    status = read_status(run)
    assert (status.state, status.ended > 0) == ("failed", True)
    assert "/nowhere/python" in status.error


def test_an_interpreter_that_cannot_import_the_trainer_is_told_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path)
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'No module named \033[31mpydantic' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))

    with pytest.raises(OSError, match="could not be started: No module named pydantic"):
        start_worker(run)

    assert "No module named pydantic" in read_status(run).error


def test_a_worker_that_is_refused_says_why_and_leaves_the_run_alone(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_status(run, being_trained_by_this_process())

    with pytest.raises(OSError, match=rf"{run.id} is being trained by process {os.getpid()} on .*; stop that one first"):
        start_worker(run)

    assert read_status(run).state == "training"
    assert stat.S_IMODE(run.log.stat().st_mode) == 0o600


def test_a_log_that_was_there_is_added_to_and_not_quoted(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.log.write_text("of yesterday\n")
    write_status(run, being_trained_by_this_process())

    with pytest.raises(OSError, match="being trained"):
        start_worker(run, resume=True)

    assert run.log.read_text().startswith("of yesterday\n")
    assert detached.last_log_line(run.log, run.log.stat().st_size) == ""


def test_a_run_without_a_log_is_not_started(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    run.log.symlink_to(victim)

    with pytest.raises(OSError, match=r"worker\.log"):
        start_worker(run)

    assert victim.read_text() == "precious"
    assert read_status(run).state == "failed"


def test_a_resume_that_cannot_start_leaves_the_run_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path)
    write_status(run, Status(state=RunState.STOPPED, step=7))
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    with pytest.raises(FileNotFoundError):
        start_worker(run, resume=True)

    assert (read_status(run).state, read_status(run).step) == ("stopped", 7)
