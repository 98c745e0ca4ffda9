"""SIGKILL while steps are profiled: no half profile, and a run that resumes as any other."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.record import EventReader, Run, RunState, read_status, send, wait_for_answer
from gradtop.trainer.record.profiles import list_profiles, read_profile
from tests.process.support import Worker, make_run, state_of, wait_for_step
from tests.support import wait_until

Start = Callable[..., Worker]


@pytest.mark.parametrize("stage", ["at once", "while it is taken", "while it is put together"])
def test_a_kill_leaves_no_half_profile(tmp_path: Path, start: Start, stage: str) -> None:
    run = make_run(tmp_path)
    worker = start(run)
    wait_for_step(run, 20)
    answer = wait_for_answer(run, send(run, "profile", steps=20), 60)
    assert answer is not None
    assert answer["ok"]
    if stage == "while it is taken":
        wait_for_step(run, int(str(answer["first"])) + random.Random(stage).randrange(10))
    elif stage == "while it is put together":
        wait_until(lambda: list(run.path.glob(".profile.*")), 60, "the exported trace")
    worker.kill()
    worker.wait()
    assert state_of(run) == "died"

    again = start(run, "--resume")
    wait_until(lambda: (status := read_status(run)).pid == again.pid and status.state == RunState.TRAINING, 60, "the resumed training")
    answer = wait_for_answer(run, send(run, "profile", steps=3), 60)
    assert answer is not None
    assert answer["ok"], answer
    wait_until(lambda: told(run, int(str(answer["first"]))), 60, "the profile of the resumed run")
    for path in list_profiles(run):
        assert read_profile(path).operators
    again.kill()
    again.wait()


def told(run: Run, first: int) -> bool:
    return any(event["kind"] == "profile" and event.get("path") and event["step"] >= first for event in EventReader(run).refresh())
