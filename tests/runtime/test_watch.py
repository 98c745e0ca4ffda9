"""A job that does not come to look at its inbox is still answered for, and it is said where it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradtop.trainer.record import EventReader, Inbox, Run, Status, StreamWriter, new_run, send
from gradtop.trainer.runtime.control import Control, Stop
from gradtop.trainer.runtime.progress import Progress
from gradtop.trainer.runtime.signals import Signals
from gradtop.trainer.runtime.watch import PATIENCE, TIMES, WARN_AFTER, ControlWatch
from tests.runtime.toy import Toy


class Watched:
    """A job whose time goes by in `wait`, while it is watched twice a second."""

    def __init__(self, run: Run, writer: StreamWriter) -> None:
        self.run, self.now, self.ended = run, 0.0, ""
        self.signals = Signals()
        self.control = Control(Inbox(run), writer, self.signals, clock=lambda: self.now)
        self.progress = Progress(Status(step=12), writer)
        self.writer = writer
        self.watch = ControlWatch(self.control, self.progress, writer, self._end, clock=lambda: self.now)

    def wait(self, seconds: float) -> None:
        for _ in range(int(2 * seconds)):
            self.now += 0.5
            beside = threading.Thread(target=self.watch.look)
            beside.start()
            beside.join()

    def look(self) -> None:
        self.control.obey(Toy())
        self.watch.look()

    def answers(self) -> list[tuple[object, object]]:
        self.writer.flush()
        return [(event["command"], event["ok"]) for event in EventReader(self.run).refresh() if event["kind"] == "command"]

    def _end(self, reason: str) -> None:
        self.ended = self.ended or reason


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    run = new_run(tmp_path, "", {})
    writer = StreamWriter(run)
    yield Watched(run, writer)
    writer.close()


def test_a_kill_ends_a_job_that_does_not_look(watched: Watched) -> None:
    watched.look()
    send(watched.run, "kill")
    watched.wait(PATIENCE + 1)

    assert watched.ended.startswith("ended by the command kill in ")
    assert watched.answers() == [("kill", True)]


def test_a_stop_is_answered_once_and_obeyed_when_the_job_looks_again(watched: Watched) -> None:
    watched.look()
    send(watched.run, "stop")
    watched.wait(PATIENCE + 1)
    with pytest.raises(Stop):
        watched.look()

    assert not watched.ended
    assert watched.answers() == [("stop", True)]


def test_a_stop_ends_a_job_at_once_that_has_nothing_to_save_yet(watched: Watched) -> None:
    watched.control.begin()
    send(watched.run, "stop")
    watched.wait(PATIENCE + 1)

    assert watched.ended.startswith("ended by the command stop in ")
    watched.writer.flush()
    assert [event["unsaved"] for event in EventReader(watched.run).refresh() if event["kind"] == "command"] == [True]


def test_what_else_is_asked_waits_for_the_job(watched: Watched) -> None:
    watched.look()
    send(watched.run, "pause")
    watched.wait(PATIENCE + 1)

    assert watched.answers() == []


def test_a_stop_after_the_end_of_the_job_is_left_to_be_refused(watched: Watched) -> None:
    watched.look()
    watched.control.ends()
    send(watched.run, "stop")
    watched.wait(PATIENCE + 1)
    watched.control.refuse("the run has ended")

    assert watched.answers() == [("stop", False)]


def test_a_long_wait_is_said_with_its_place_and_taken_back(watched: Watched, capfd: pytest.CaptureFixture[str]) -> None:
    watched.look()
    watched.wait(WARN_AFTER + 1)

    assert watched.progress.status.warning.startswith(f"step 13 has taken {WARN_AFTER + 0.5:.0f} s so far, in ")
    assert "threading.py line" in watched.progress.status.warning
    assert "test_watch.py" in capfd.readouterr().err
    watched.look()
    assert watched.progress.status.warning == ""


def test_steps_that_take_long_by_nature_are_no_reason_to_say_anything(watched: Watched) -> None:
    watched.look()
    watched.wait(WARN_AFTER / 2)
    watched.look()
    watched.wait(TIMES * WARN_AFTER / 2 - 1)

    assert watched.progress.status.warning == ""
