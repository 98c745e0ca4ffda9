"""The lock on a run, of a worker that was killed while processes of its own still ended."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import pytest

from gradtop.trainer.record import new_run
from gradtop.trainer.runtime import lock
from gradtop.trainer.runtime.errors import AlreadyTraining


def test_a_lock_that_ending_processes_of_a_dead_worker_hold_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(tmp_path, "", {})
    inherited = os.open(run.path, os.O_RDONLY)
    fcntl.flock(inherited, fcntl.LOCK_EX)
    monkeypatch.setattr(time, "sleep", lambda _: os.close(inherited))  # the last of them ends meanwhile
    os.close(lock.lock_run(run, resume=True))


def test_a_lock_that_somebody_keeps_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(tmp_path, "", {})
    kept = os.open(run.path, os.O_RDONLY)
    fcntl.flock(kept, fcntl.LOCK_EX)
    monkeypatch.setattr(lock, "ENDING", 0.05)
    with pytest.raises(AlreadyTraining, match="is being trained by another process"):
        lock.lock_run(run, resume=True)
    os.close(kept)
