"""The batch-size search on the screen: in place of the Overview, with a way into Tune."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.record import RunState
from gradtop.tui.screens.tune.screen import Tune
from gradtop.tui.widgets.line_chart import LineChart
from tests.tui.piloting import piloted
from tests.tui.runs_fixture import fake_run
from tests.tui.size_fixture import size_run


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_it_shows_pace_and_memory_and_the_sizes_worth_taking(tmp_path: Path, size: tuple[int, int]) -> None:
    async with piloted(tmp_path, size_run(tmp_path / "runs"), size=size) as app:
        await app.shows("samples/s over batch size")
        shown = app.shown()
        for words in ("peak memory over batch size", "▸ fast enough        64", "noise scale       128", "largest           192", "does not fit", "256", "140 MiB"):
            assert words in shown
        pace, memory = app.mode.query(LineChart)
        assert (pace.region.y == memory.region.y) == (size[0] >= 100)
        assert max(memory._chart.lines[0].series.mean) == 130.0
        await app.press("j", "j")
        await app.shows("▸ largest")


async def test_it_says_where_the_noise_scale_cannot_be_known(tmp_path: Path) -> None:
    async with piloted(tmp_path, size_run(tmp_path / "runs", noise=None)) as app:
        await app.shows("noise scale  not known: the gradient of 512 samples is no more than their noise")
        assert [each.word for each in app.snapshot.part.candidates] == ["fast enough", "largest"]  # type: ignore[union-attr]


async def test_a_noise_scale_of_less_than_a_sample_is_said_and_no_size(tmp_path: Path) -> None:
    async with piloted(tmp_path, size_run(tmp_path / "runs", noise=0.18)) as app:
        await app.shows("noise scale  0.18 samples: less than one, so that larger batches save few steps")
        assert [each.word for each in app.snapshot.part.candidates] == ["fast enough", "largest"]  # type: ignore[union-attr]


async def test_enter_puts_the_batch_size_into_tune_over_the_run_that_was_measured(tmp_path: Path) -> None:
    parent, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=100)
    grower.close()
    async with piloted(tmp_path, size_run(tmp_path / "runs", parent=parent)) as app:
        await app.shows("▸ fast enough")
        await app.press("j", "j", "enter")
        await app.until(lambda: isinstance(app.mode, Tune) and app.mode.draft is not None and app.mode.draft.changes_something, "the draft")
        assert isinstance(app.mode, Tune)
        assert app.mode.draft is not None
        (change,) = app.mode.draft.changes()
        assert (change.key, change.new) == ("training.batch_size", 192)
        assert app.app.watched == parent


async def test_a_search_that_begins_says_what_comes(tmp_path: Path) -> None:
    async with piloted(tmp_path, size_run(tmp_path / "runs", state=RunState.PAUSED, measured=0)) as app:
        await app.shows("the first batch size is being measured")
        assert app.mode.check_action("use", ()) is None
