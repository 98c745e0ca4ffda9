"""What is said where a search does not answer."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gradtop.trainer.jobs.search import asking
from gradtop.trainer.record import Run, RunState, Status, process_start, read_status, this_host, write_status


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """One that runs."""
    monkeypatch.setattr(asking, "ANSWERS_WITHIN", 0.0)
    run = Run(tmp_path / "hunt")
    run.control.mkdir(parents=True)
    name, boot = this_host()
    write_status(run, Status(state=RunState.TRAINING, pid=os.getpid(), pid_started=process_start(os.getpid()), host=name, boot=boot, updated=time.time()))
    return run


def test_a_search_that_has_not_answered_yet_is_said_to_have_the_command_in_its_inbox(search: Run) -> None:
    with pytest.raises(OSError, match="hunt has not answered within 0 s: the command stays in its inbox and is carried out when it can be"):
        asking.ask(search, "stop_trial", {"trial": 1})
    assert len(list(search.control.iterdir())) == 1


def test_of_a_search_that_died_before_it_answered_it_is_said_how_it_goes_on(search: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(run: Run, *_: object) -> None:
        write_status(run, read_status(run)._replace(pid_started=1))  # as if another process had its number now

    monkeypatch.setattr(asking, "wait_for_answer", die)
    with pytest.raises(OSError, match="hunt has not answered within 0 s: its worker is gone; resume it: gradtop resume hunt"):
        asking.ask(search, "stop_trial", {"trial": 1})
