"""The torch server as the screen has it: kept, started where nothing trains, and done without."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from pathlib import Path
from typing import Self

import pytest

from gradtop.trainer.launch.custom_code import code_of, require_started
from gradtop.trainer.record import Run, RunState, process_start, read_status, write_status
from gradtop.tui.launcher import Launcher
from tests.tui.piloting import Starts, piloted
from tests.tui.runs_fixture import NOW, fake_run


@pytest.fixture
def run(runs: Path) -> Run:
    return fake_run(runs, "quiet-heron", created=NOW - 31)[0]


async def test_the_server_is_looked_for_again_after_each_start(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradtop.tui.launching.UNTIL_PREPARED", 0.1)
    starts = Starts()
    async with piloted(tmp_path, run, launcher=starts) as screen:
        await screen.until(lambda: starts.asked == [("prepare", None)], "the first time")
        screen.app.launch(partial(starts.resume, run), "goes on")
        await screen.until(lambda: starts.asked[1:] == [("resume", run), ("expect_start", None)], "the second time")


async def test_custom_code_that_was_not_started_here_is_asked_about_before_it_runs(tmp_path: Path, run: Run) -> None:
    codes = code_of({"model": {"target": "os:system", "arguments": {"command": "\x1b]0;title\x07true"}}})

    def work() -> Run:
        require_started(codes)
        return run

    async with piloted(tmp_path, None, launcher=Starts()) as screen:
        screen.app.launch(work, "goes on")
        await screen.shows("Run this custom code?")
        await screen.shows("model.target = os:system")
        await screen.press("n")
        screen.app.launch(work, "goes on")
        await screen.shows("Run this custom code?")
        assert screen.app.watched is None
        await screen.press("y")
        await screen.until(lambda: screen.app.watched == run, "the run")


def test_a_server_that_is_slow_to_fork_ahead_is_there_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Busy(contextlib.nullcontext[None]):
        lost = False

        def __enter__(self) -> Self:  # type: ignore[override]
            return self

        def stay(self) -> None:
            asked.append("stay")

        def ask_for_spare(self) -> None:
            asked.append("spare")

        def receive(self, seconds: float) -> None:
            raise TimeoutError("no reply in time")

    for name in ("connect", "connect_or_start"):
        monkeypatch.setattr(f"gradtop.trainer.launch.server.{name}", Busy)
    Launcher(tmp_path).expect_start()
    assert asked == ["stay", "spare"]


class WithoutServer(Starts):
    attempts = 0

    def prepare(self) -> None:
        super().prepare()
        self.attempts += 1
        raise OSError("the worker could not be started")


async def test_a_server_that_cannot_be_had_is_told_and_runs_start_all_the_same(tmp_path: Path, run: Run) -> None:
    launcher = WithoutServer()
    async with piloted(tmp_path, None, launcher=launcher) as screen:
        await screen.shows("no torch server")
        attempts = launcher.attempts
        screen.app.prepare_launcher()
        await screen.until(lambda: launcher.attempts > attempts, "the second attempt")
        await screen.pilot.pause()
        assert screen.shown().count("no torch server") == 1
        screen.app.launch(lambda: run, "goes on")
        await screen.until(lambda: screen.app.watched == run, "the run")


class FakeServer:
    """What the launcher asks of the client, and whether a server runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, runs: bool) -> None:
        self.runs = runs
        self.started = 0
        self.links: list[FakeLink] = []
        monkeypatch.setattr("gradtop.trainer.launch.server.connect", self.connect)
        monkeypatch.setattr("gradtop.trainer.launch.server.connect_or_start", self.connect_or_start)

    def connect(self) -> FakeLink | None:
        if not self.runs:
            return None
        self.links.append(FakeLink())
        return self.links[-1]

    def connect_or_start(self) -> FakeLink | None:
        self.started += not self.runs
        self.runs = True
        return self.connect()


class FakeLink:
    def __init__(self) -> None:
        self.stays = self.lost = False

    def stay(self) -> None:
        self.stays = True

    def close(self) -> None:
        self.lost = True


def test_beside_a_training_no_server_is_started_and_one_that_is_there_is_kept(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, grower = fake_run(runs, "quiet-heron", created=NOW - 31)
    grower.close()
    write_status(run, read_status(run)._replace(state=RunState.TRAINING, pid=os.getpid(), pid_started=process_start(os.getpid())))
    server = FakeServer(monkeypatch, runs=False)
    launcher = Launcher(runs)
    launcher.prepare()
    assert (server.started, server.links) == (0, [])
    server.runs = True
    launcher.prepare()
    launcher.prepare()
    assert [link.stays for link in server.links] == [True]
    server.links[0].lost = True  # it was killed
    launcher.prepare()
    assert len(server.links) == 2
    launcher.close()
    assert server.links[1].lost


def test_where_nothing_trains_the_server_is_started(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, grower = fake_run(runs, "quiet-heron", state="done", created=NOW - 31)
    grower.close()
    server = FakeServer(monkeypatch, runs=False)
    Launcher(runs).prepare()
    assert server.started == 1
    Launcher(runs, server=False).prepare()
    assert len(server.links) == 1


async def test_tune_has_one_process_made_ready_each_time_it_is_opened(tmp_path: Path, run: Run) -> None:
    starts = Starts()
    async with piloted(tmp_path, run, launcher=starts) as screen:
        for times in (1, 2):
            await screen.press("6")
            await screen.shows("what will change")
            await screen.until(lambda: starts.asked.count(("expect_start", None)) >= times, "the process")  # noqa: B023
            await screen.press("1")
            await screen.pilot.pause()
            assert starts.asked.count(("expect_start", None)) == times
