"""While data are prepared the status says how far that is, and the run obeys."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradtop.trainer.record import EventReader, Inbox, Run, Status, StreamWriter, new_run, send
from gradtop.trainer.runtime.control import Control, Stop
from gradtop.trainer.runtime.preparing import Preparation, listening, one_by_one, telling
from gradtop.trainer.runtime.progress import Progress
from gradtop.trainer.runtime.signals import EndNow, Signals


class Prepared:
    """A run whose worker prepares, over a clock of the test."""

    def __init__(self, folder: Path) -> None:
        self.run: Run = new_run(folder, "", {})
        self.writer = StreamWriter(self.run)
        self.signals, self.now = Signals(), 0.0
        self.progress = Progress(Status(), self.writer)
        self.control = Control(Inbox(self.run), self.writer, self.signals, clock=lambda: self.now)
        self.control.begin(saves=True)
        self.preparation = Preparation(self.control, self.progress, saves=True, clock=lambda: self.now)

    @property
    def told(self) -> dict[str, object]:
        return dict(self.progress.status.preparing)

    def answers(self) -> list[tuple[object, ...]]:
        self.writer.flush()
        return [(event["command"], event["ok"], *(["unsaved"] if event.get("unsaved") else [])) for event in EventReader(self.run).refresh() if event.get("kind") == "command"]


@pytest.fixture
def prepared(tmp_path: Path) -> Iterator[Prepared]:
    found = Prepared(tmp_path)
    yield found
    found.writer.close()


def test_the_status_says_how_far_it_is_and_since_when(prepared: Prepared) -> None:
    prepared.now = 50.0
    with listening(prepared.preparation):
        for thing in one_by_one("looking", range(5), 5):
            assert prepared.told["doing"] == "looking"
            assert thing == 0 or prepared.told["of"] == 5
    assert prepared.told == {}
    prepared.preparation("looking", 3, 5)
    prepared.now += 1.0
    prepared.preparation("looking", 4, 5)
    assert prepared.told == {"doing": "looking", "done": 4, "of": 5, "since": 50.0, "at": 51.0}
    prepared.preparation("", 0, 0)
    assert prepared.told == {}


def test_a_stop_ends_it_between_two_things_and_a_kill_too(prepared: Prepared) -> None:
    send(prepared.run, "stop")
    seen: list[int] = []

    def look(thing: int) -> None:
        seen.append(thing)
        prepared.now += 1.0

    with listening(prepared.preparation), pytest.raises(Stop):
        list(map(look, one_by_one("looking", range(1000), 1000)))
    assert len(seen) < 1000
    assert prepared.answers() == [("stop", True, "unsaved")]
    send(prepared.run, "kill")
    prepared.now += 1.0
    with pytest.raises(EndNow):
        prepared.preparation("looking", 0, 1)


def test_there_is_nothing_to_save_and_nothing_to_change(prepared: Prepared) -> None:
    send(prepared.run, "checkpoint")
    send(prepared.run, "set", changes={"optimizer.lr": 0.1})
    prepared.now += 1.0
    prepared.preparation("looking", 0, 1)
    assert prepared.answers() == [("checkpoint", False), ("set", False)]
    assert prepared.signals.nothing_to_save


def test_a_thread_of_a_library_tells_and_obeys_nothing(prepared: Prepared) -> None:
    send(prepared.run, "stop")
    prepared.now += 1.0
    thread = threading.Thread(target=lambda: prepared.preparation("reading", 1, 2))
    thread.start()
    thread.join()
    assert prepared.told["done"] == 1
    assert prepared.answers() == []


def test_without_a_listener_it_is_a_loop() -> None:
    assert list(one_by_one("looking", "abc")) == ["a", "b", "c"]
    telling("looking")(1, 2)
