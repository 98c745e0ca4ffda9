"""The speed test on the screen: in place of the Overview, with a way into Tune."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.record import RunState
from gradtop.tui.screens.tune.screen import Tune
from tests.tui.piloting import piloted
from tests.tui.runs_fixture import fake_run
from tests.tui.speed_fixture import speed_run


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_it_lists_the_settings_the_fastest_first_and_why_one_does_not_work(tmp_path: Path, size: tuple[int, int]) -> None:
    async with piloted(tmp_path, speed_run(tmp_path / "runs"), size=size) as app:
        await app.shows("▸ precision bf16")
        shown = [" ".join(line.split()) for line in app.shown().splitlines()]
        for words in ("▸ precision bf16 12.8k 2.00 × 0.087 %", "as configured 6.4k 1.00 ×", "channels_last does not work: the model has no conv"):
            assert any(words in line for line in shown), (words, shown)
        await app.shows("training.precision=bf16   the fastest that leaves the loss as it was")
        bars = [line.count("▆") for line in app.shown().splitlines() if "×" in line]
        assert bars == sorted(bars, reverse=True)
        assert bars[0] > 3
        assert any(abs(each - bars[0] / 2) <= 0.5 for each in bars)
        await app.press("j", "j")
        await app.shows("▸ as configured")


async def test_while_it_measures_it_says_that_the_fastest_is_so_far(tmp_path: Path) -> None:
    async with piloted(tmp_path, speed_run(tmp_path / "runs", state=RunState.PAUSED, measured=2)) as app:
        await app.shows("▸ as configured")
        await app.shows("the fastest so far")


async def test_enter_puts_the_settings_into_tune_over_the_run_that_was_measured(tmp_path: Path) -> None:
    parent, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=100)
    grower.close()
    async with piloted(tmp_path, speed_run(tmp_path / "runs", parent=parent)) as app:
        await app.shows("▸ precision bf16")
        await app.press("enter")
        await app.until(lambda: isinstance(app.mode, Tune) and app.mode.draft is not None and app.mode.draft.changes_something, "the draft")
        assert isinstance(app.mode, Tune)
        assert app.mode.draft is not None
        (change,) = app.mode.draft.changes()
        assert (change.key, change.new) == ("training.precision", "bf16")
        assert app.app.watched == parent


async def test_a_test_that_begins_says_what_comes(tmp_path: Path) -> None:
    async with piloted(tmp_path, speed_run(tmp_path / "runs", state=RunState.PAUSED, measured=0)) as app:
        await app.shows("the settings follow in turns")
        assert app.mode.check_action("use", ()) is None
