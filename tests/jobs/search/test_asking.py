"""What is said where a search does not answer."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gradtop.trainer.jobs.search import asking
from gradtop.trainer.record import Run, RunState, Status, process_start, this_host, write_status


def test_a_search_that_has_not_answered_yet_is_said_to_have_the_command_in_its_inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ANSWERS_WITHIN", 0.0)
    run = Run(tmp_path / "hunt")
    run.control.mkdir(parents=True)
    name, boot = this_host()
    write_status(run, Status(state=RunState.TRAINING, pid=os.getpid(), pid_started=process_start(os.getpid()), host=name, boot=boot, updated=time.time()))
    with pytest.raises(OSError, match="hunt has not answered within 0 s: the command stays in its inbox and is carried out when it can be"):
        asking.ask(run, "stop_trial", {"trial": 1})
    assert len(list(run.control.iterdir())) == 1
