from __future__ import annotations

import os
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gradtop.trainer.record import Inbox, Run, append_event, read_leases, write_lease
from gradtop.tui.reading.poll import (
    ANSWER_WITHIN,
    LEASE_EVERY,
    RATE,
    SHARE,
    SHARE_BUSY,
    SLOWEST,
    TICK,
    TICK_ENDED,
    TICK_WAITING,
    CommandAnswer,
    Poll,
)
from gradtop.tui.reading.snapshot import Request, Snapshot
from tests.support import wait_until
from tests.tui.runs_fixture import NOW, fake_run


@dataclass
class Clock:
    """Unix seconds and a monotonic clock, both moved by hand."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Watcher:
    """A poll that is ticked by hand, and all that it said."""

    runs: Path
    clock: Clock = field(default_factory=Clock)
    shown: list[Snapshot] = field(default_factory=list)
    told: list[CommandAnswer] = field(default_factory=list)
    reads: list[object] = field(default_factory=list)
    idle: float = 4.0  # cores

    def __post_init__(self) -> None:
        self.poll = Poll(self.runs, on_snapshot=self.shown.append, on_answer=self.told.append, clock=self.clock, monotonic=self.clock, idle_cores=lambda: self.idle)

    def read(self, source: Any, view: object) -> object:
        self.reads.append(view)
        return (source.run is not None and source.run.stream("steps").count, view)

    def ask(self, run: Run | None, view: object = None, **more: Any) -> None:
        self.poll.request(Request(run=run, mode="overview", read=self.read, view=view, streams=("steps",), measurements=("updates",), **more))


def test_a_part_is_read_for_what_was_asked_and_given_once(runs: Path) -> None:
    run, grower = fake_run(runs, created=NOW - 30.1)
    watcher = Watcher(runs)
    watcher.ask(run, "loss")
    assert watcher.poll.tick() == TICK_WAITING  # what is wrong with the run comes after the first frame
    (snapshot,) = watcher.shown
    assert (snapshot.mode, snapshot.part) == ("overview", (1204, "loss"))
    assert (snapshot.facts.state, snapshot.facts.name) == ("training", "quiet-heron")
    assert watcher.poll.tick() == TICK
    assert snapshot.facts.report is None
    assert watcher.shown[-1].facts.report is not None
    for _ in range(20):
        watcher.poll.tick()
    assert len(watcher.shown) == len(watcher.reads) == 2
    grower.grow()
    watcher.poll.tick()
    assert watcher.shown[-1].part == (1205, "loss")
    append_event(run, "warning", message="look", time=NOW)
    watcher.poll.tick()
    assert len(watcher.reads) == 4


def test_another_question_is_answered_at_once_though_nothing_grew(runs: Path) -> None:
    run, _ = fake_run(runs, created=NOW - 30.1)
    watcher = Watcher(runs)
    watcher.ask(run, "loss")
    watcher.poll.tick()
    watcher.ask(run, "lr")
    assert watcher.poll.wake.is_set()
    watcher.poll.tick()
    assert [snapshot.part[1] for snapshot in watcher.shown] == ["loss", "lr"]


def test_a_heartbeat_alone_is_no_news(runs: Path) -> None:
    run, grower = fake_run(runs, created=NOW - 30.1)
    watcher = Watcher(runs)
    watcher.ask(run)
    watcher.poll.tick()
    watcher.poll.tick()
    for second in range(1, 3):
        watcher.clock.now = NOW + second * 0.4
        grower.status("training", updated=watcher.clock.now)
        watcher.poll.tick()
    assert len(watcher.shown) == 2


def test_silence_is_seen_to_grow_in_coarse_steps(runs: Path) -> None:
    run, grower = fake_run(runs, created=NOW - 30.1)
    watcher = Watcher(runs)
    watcher.ask(run)
    ages: list[str] = []
    for tenth in range(600):
        watcher.clock.now = NOW + tenth / 10
        if tenth % 20 == 0:
            grower.status("training", updated=watcher.clock.now)
        watcher.poll.tick()
        if not ages or watcher.shown[-1].facts.age != ages[-1]:
            ages.append(watcher.shown[-1].facts.age)
    assert ages == ["live", "2 s ago", "5 s ago", "10 s ago", "15 s ago", "20 s ago", "30 s ago", "45 s ago"]
    assert len(watcher.shown) <= len(ages) + 1


def test_an_ended_run_is_looked_at_seldom(runs: Path) -> None:
    run, _ = fake_run(runs, state="done", steps=50)
    watcher = Watcher(runs)
    watcher.ask(run)
    watcher.poll.tick()
    assert watcher.poll.tick() == TICK_ENDED
    watcher.ask(None)
    assert watcher.poll.tick() == TICK_ENDED
    assert watcher.shown[-1].facts.run is None


def test_a_command_is_answered_by_the_worker(runs: Path) -> None:
    run, _ = fake_run(runs, created=NOW - 30.1)
    watcher = Watcher(runs)
    watcher.ask(run)
    watcher.poll.send(run, "set", lr=3e-4)
    assert watcher.poll.tick() == TICK_WAITING
    (command,) = Inbox(run).poll()
    assert (command.name, command.arguments) == ("set", {"lr": 3e-4})
    append_event(run, "command", id="another", command="set", ok=False, message="not mine")
    watcher.poll.tick()
    assert watcher.told == []
    append_event(run, "command", id=command.id, command="set", ok=True, message="lr 1e-3 → 3e-4")
    watcher.poll.tick()
    assert watcher.told == [CommandAnswer("set", run.id, True, "lr 1e-3 → 3e-4")]
    assert watcher.poll.tick() == TICK


@pytest.mark.parametrize(
    ("state", "why"), [("training", "the current step takes longer"), ("died", "the worker died"), ("done", "the run is done"), ("starting", "is still starting")]
)
def test_no_answer_is_told_with_the_reason(runs: Path, state: str, why: str) -> None:
    run, grower = fake_run(runs, state=state, created=NOW - 30.1)
    watcher = Watcher(runs)
    watcher.ask(run)
    watcher.poll.send(run, "checkpoint")
    watcher.poll.tick()
    watcher.clock.now += ANSWER_WITHIN - 0.1
    if state == "training":
        grower.status("training", updated=watcher.clock.now)
    watcher.poll.tick()
    assert watcher.told == []
    watcher.clock.now += 0.2
    watcher.poll.tick()
    (answer,) = watcher.told
    assert not answer.ok
    assert why in answer.message


def test_a_command_for_another_run_than_the_watched_one_is_answered_too(runs: Path) -> None:
    run, _ = fake_run(runs, created=NOW - 30.1)
    other, _ = fake_run(runs, "brave-otter", created=NOW - 31)
    watcher = Watcher(runs)
    watcher.ask(run)
    watcher.poll.send(other, "pause")
    watcher.poll.tick()
    (command,) = Inbox(other).poll()
    append_event(other, "command", id=command.id, command="pause", ok=True)
    watcher.poll.tick()
    assert [(answer.run, answer.ok) for answer in watcher.told] == [(other.id, True)]


def test_a_command_that_cannot_be_delivered_is_told_at_once(runs: Path) -> None:
    run, _ = fake_run(runs, created=NOW - 30.1)
    watcher = Watcher(runs)
    watcher.ask(run)
    watcher.poll.tick()
    shutil.rmtree(run.control, ignore_errors=True)
    run.control.write_text("no directory")
    watcher.poll.send(run, "pause")
    watcher.poll.tick()
    (answer,) = watcher.told
    assert not answer.ok
    assert "cannot be written" in answer.message


def test_the_lease_says_what_is_shown_is_renewed_and_dropped(runs: Path) -> None:
    run, grower = fake_run(runs, created=NOW - 30.1)
    watcher = Watcher(runs)
    watcher.ask(run)
    watcher.poll.tick()
    (note,) = run.leases.glob("*.json")
    assert read_leases(run, note.stat().st_mtime).measurements == {"updates"}
    first = note.stat().st_mtime_ns
    watcher.poll.tick()
    assert note.stat().st_mtime_ns == first
    watcher.clock.now += LEASE_EVERY
    grower.status("training", updated=watcher.clock.now)
    os.utime(note, ns=(0, 0))
    watcher.poll.tick()
    assert note.stat().st_mtime_ns > 0
    watcher.ask(run, parameters=("stem.weight",))
    watcher.poll.tick()
    assert read_leases(run, note.stat().st_mtime).parameters == {"stem.weight"}
    grower.status("done")
    watcher.poll.tick()
    assert not list(run.leases.glob("*.json"))


@pytest.mark.parametrize("state", ["training", "done", "stopped", "failed"])
@pytest.mark.parametrize("own", [True, False])
def test_what_killed_processes_have_left_in_a_run_without_a_worker_is_removed_but_not_from_others_runs(
    runs: Path, monkeypatch: pytest.MonkeyPatch, state: str, own: bool
) -> None:
    run, grower = fake_run(runs, created=NOW - 30.1)
    grower.status(state)
    write_lease(run, "killed", ["updates"])
    left = [run.leases / "killed.json", run.path / ".status.json.17.0a1b2c3d.tmp", run.leases / ".screen.json.17.0a1b2c3d.tmp"]
    for path in left:
        path.touch()
        os.utime(path, (NOW - 3600, NOW - 3600))
    young = run.path / ".meta.json.17.0a1b2c3d.tmp"
    young.touch()
    os.utime(young, (NOW, NOW))
    if not own:
        monkeypatch.setattr(os, "geteuid", lambda: run.path.stat().st_uid + 1)

    watcher = Watcher(runs)
    watcher.ask(run)
    watcher.poll.tick()

    assert [path.exists() for path in left] == [state == "training" or not own] * 3
    assert young.exists()


def test_watching_another_run_gives_the_lease_of_the_first_one_back(runs: Path) -> None:
    run, _ = fake_run(runs, created=NOW - 30.1)
    other, _ = fake_run(runs, "brave-otter", created=NOW - 30.1)
    watcher = Watcher(runs)
    watcher.ask(run)
    watcher.poll.tick()
    watcher.ask(other)
    watcher.poll.tick()
    assert not list(run.leases.glob("*.json"))
    assert list(other.leases.glob("*.json"))


def test_a_lease_that_cannot_be_written_is_told_once(runs: Path) -> None:
    run, grower = fake_run(runs, created=NOW - 30.1)
    shutil.rmtree(run.leases, ignore_errors=True)
    run.leases.write_text("no directory")
    watcher = Watcher(runs)
    watcher.ask(run)
    for _ in range(3):
        watcher.poll.tick()
        watcher.clock.now += LEASE_EVERY
        grower.status("training", updated=watcher.clock.now)
    (answer,) = watcher.told
    assert "nothing is measured on demand" in answer.message
    assert watcher.shown[0].part == (1204, None)


def test_a_deleted_run_is_gone_and_what_was_read_is_still_shown(runs: Path) -> None:
    run, _ = fake_run(runs, created=NOW - 30.1)
    watcher = Watcher(runs)
    watcher.ask(run)
    watcher.poll.tick()
    shutil.rmtree(run.path)
    watcher.poll.tick()
    assert watcher.shown[-1].facts.gone
    assert watcher.shown[-1].part == (1204, None)
    assert not run.path.exists()


def test_the_thread_ends_at_once_when_cancelled_and_drops_its_lease(runs: Path) -> None:
    run, _ = fake_run(runs, created=NOW - 30.1)
    watcher = Watcher(runs)
    watcher.ask(run)
    done = threading.Event()
    thread = threading.Thread(target=lambda: watcher.poll.run(done.is_set), daemon=True)
    thread.start()
    wait_until(lambda: list(run.leases.glob("*.json")), why="the lease")
    done.set()
    watcher.poll.wake.set()
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert not list(run.leases.glob("*.json"))


def test_a_screen_that_costs_more_than_its_share_looks_less_often_but_never_seldom(runs: Path) -> None:
    run, grower = fake_run(runs, created=NOW - 30.1)
    watcher = Watcher(runs)
    watcher.ask(run)
    watcher.poll.tick()
    for _ in range(2):  # what a question costs says nothing of what its news will
        watcher.poll.spend(1.0)
        assert watcher.poll.tick() == TICK
    pauses = []
    for seconds, written in ((0.0, 0), (1.5 * TICK * SHARE, 0), (0.0, round(1.5 * TICK * RATE)), (100.0, 10**6), (0.0, 0), (0.0, 0), (0.0, 0)):
        grower.grow()
        watcher.poll.spend(seconds, written)
        pauses.append(watcher.poll.tick())
    assert pauses[0] == pauses[6] == TICK
    assert all(1.5 * TICK <= pause < SLOWEST * TICK for pause in pauses[1:3])
    assert pauses[3:6] == [SLOWEST * TICK] * 3  # bytes that one rest does not make up for count for the next ones, but not for ever
    watcher.idle = 0.1  # the training wants them all
    assert watcher.poll.tick() == 2 * TICK
    grower.grow()
    watcher.poll.spend(2.5 * TICK * SHARE_BUSY)
    assert 2.5 * TICK <= watcher.poll.tick() < SLOWEST * TICK


def test_beside_a_training_that_wants_the_cores_a_mode_that_was_opened_looks_once_at_once_and_then_half_as_often(runs: Path) -> None:
    run, _ = fake_run(runs, created=NOW - 30.1)
    watcher = Watcher(runs)
    watcher.idle = 0.1
    watcher.ask(run)
    assert [watcher.poll.tick() for _ in range(4)][1:] == [TICK, 2 * TICK, 2 * TICK]
