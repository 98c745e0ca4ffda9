"""What becomes of the standby when runs are started."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from gradtop.trainer.record import Run
from tests.tui.piloting import Starts, piloted
from tests.tui.runs_fixture import NOW, fake_run


@pytest.fixture
def run(runs: Path) -> Run:
    return fake_run(runs, "quiet-heron", created=NOW - 31)[0]


async def test_a_run_that_starts_has_the_cores_for_itself_before_the_next_worker_gets_ready(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradtop.tui.app.UNTIL_NEXT_STANDBY", 0.1)
    starts = Starts()
    async with piloted(tmp_path, run, launcher=starts) as screen:
        await screen.until(lambda: starts.asked == [("prepare", None)], "the first standby")
        screen.app.launch(partial(starts.resume, run), "goes on")
        await screen.until(lambda: starts.asked[1:] == [("resume", run), ("prepare", None)], "the next one")


class WithoutStandby(Starts):
    def prepare(self) -> None:
        super().prepare()
        raise OSError("the worker could not be started")


async def test_a_standby_that_cannot_be_is_told_and_runs_start_all_the_same(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, None, launcher=WithoutStandby()) as screen:
        await screen.shows("no standby")
        screen.app.launch(lambda: run, "goes on")
        await screen.until(lambda: screen.app.watched == run, "the run")
