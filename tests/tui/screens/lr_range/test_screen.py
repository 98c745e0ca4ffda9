"""The range test on the screen: in place of the Overview, with a way into Tune."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gradtop.trainer.jobs.lr_range.ranged import RANGED
from gradtop.trainer.jobs.lr_range.result import ranged_text
from gradtop.trainer.jobs.lr_range.suggest import spaced, suggest
from gradtop.trainer.record import RunState, read_status, write_status
from gradtop.tui.screens.tune.screen import Tune
from gradtop.tui.widgets.line_chart import LineChart
from tests.tui.piloting import Starts, piloted
from tests.tui.range_fixture import SMOOTHED, STEPS, range_run, seeds_run
from tests.tui.runs_fixture import fake_run


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_it_stands_in_place_of_the_overview(tmp_path: Path, size: tuple[int, int]) -> None:
    run = range_run(tmp_path / "runs")
    async with piloted(tmp_path, run, size=size) as app:
        await app.shows("loss over learning rate")
        shown = app.shown()
        for words in ("valley", "steepest", "minimum/10", "slide", "diverged at", "1e-3", "LR range"):
            assert words in shown
        assert "▸ valley" in shown
        await app.press("j", "j")
        await app.shows("▸ minimum/10")
        await app.press("2")
        await app.shows("keen-newt is a learning-rate range test, of which nothing")
        await app.press("1")
        await app.shows("loss over learning rate")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_of_several_seeds_it_shows_their_mean_and_how_far_their_suggestions_differ(tmp_path: Path, size: tuple[int, int]) -> None:
    run = seeds_run(tmp_path / "runs", "weight_decay", "adamw")
    async with piloted(tmp_path, run, size=size) as app:
        await app.shows("loss over weight decay")
        shown = app.shown()
        lowest = ranged_text(RANGED["weight_decay"].values(1e-6, 10.0, STEPS)[SMOOTHED.index(min(SMOOTHED))])
        for words in ("mean of 3 seeds", "weight decay 1e-6 to 10", "▸ lowest loss", f"{lowest} to {lowest}", "minimum/10"):
            assert words in shown
        await app.press("home")
        await app.until(lambda: "weight decay 1e-6" in _read(app), "the first weight decay")
        # Of losses that lie a tenth apart, 2.5 the lowest at first.
        assert "mean of 3 seeds 2.6" in _read(app)[1]


async def test_enter_puts_momentum_into_the_first_of_adams_betas(tmp_path: Path) -> None:
    run = seeds_run(tmp_path / "runs", "momentum", "adamw")
    async with piloted(tmp_path, run) as app:
        await app.shows("loss over momentum, as 1/(1 − momentum)")
        await app.shows("▸ lowest loss")
        await app.press("enter")
        await app.until(lambda: isinstance(app.mode, Tune) and app.mode.draft is not None and app.mode.draft.changes_something, "the draft")
        assert isinstance(app.mode, Tune)
        assert app.mode.draft is not None
        (change,) = [each for each in app.mode.draft.changes() if each.key.startswith("optimizer.")]
    lowest = RANGED["momentum"].values(0.5, 0.999, STEPS)[SMOOTHED.index(min(SMOOTHED))]
    assert (change.key, change.new) == ("optimizer.betas", [pytest.approx(lowest, rel=1e-3), 0.999])


async def test_a_test_that_runs_says_that_suggestions_come(tmp_path: Path) -> None:
    run = range_run(tmp_path / "runs", SMOOTHED[:20], state=RunState.PAUSED)
    async with piloted(tmp_path, run) as app:
        await app.shows("Suggestions come at the end of the test.")
        assert app.mode.check_action("use", ()) is None


async def test_without_a_suggestion_the_whole_reason_is_read_in_a_small_terminal(tmp_path: Path) -> None:
    run = range_run(tmp_path / "runs", SMOOTHED[:20])
    write_status(run, read_status(run)._replace(result={"over": "weight_decay", "suggestions": {}, "falls_at_end": True}))
    async with piloted(tmp_path, run, size=(80, 24)) as app:
        await app.until(lambda: "try a higher weight decay there (--end)." in " ".join(app.shown().split()), "the end of the sentence")


async def test_the_reading_line_reads_learning_rate_and_losses(tmp_path: Path) -> None:
    async with piloted(tmp_path, range_run(tmp_path / "runs")) as app:
        await app.shows("loss over learning rate")
        await app.press("home")
        await app.until(lambda: "lr 1e-7" in _read(app), "the first learning rate")
        assert "smoothed 2.5" in _read(app)[1]


async def test_its_chart_is_zoomed_in_decades_and_drawn_over_decades_of_the_loss(tmp_path: Path) -> None:
    async with piloted(tmp_path, range_run(tmp_path / "runs")) as app:
        await app.shows("loss over learning rate")
        chart = app.mode.query_one(LineChart)
        await app.press("plus")
        await app.until(lambda: chart._chart.x_min == pytest.approx(1e-3), "the upper half of the decades")
        await app.shows("0 whole range")
        await app.press("left_square_bracket")
        await app.until(lambda: chart._chart.x_min == pytest.approx(1e-4), "a quarter of it lower")
        await app.press("Y")
        await app.until(lambda: chart.is_log, "decades of the loss")
        await app.press("0", "Y")
        await app.until(lambda: chart._chart.x_min == pytest.approx(1e-7) and not chart.is_log, "the whole range")


def _read(app: Any) -> tuple[str, ...]:
    return app.mode.query_one(LineChart).read  # type: ignore[no-any-return]


async def test_enter_puts_the_suggestion_into_tune_over_the_run_that_was_tested(tmp_path: Path) -> None:
    parent, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=100)
    grower.close()
    run = range_run(tmp_path / "runs", parent=parent)
    async with piloted(tmp_path, run) as app:
        await app.shows("▸ valley")
        await app.pilot.click("#suggestions", offset=(10, 1))
        await app.shows("▸ steepest")
        await app.pilot.click("#suggestions", offset=(10, 0))
        await app.shows("▸ valley")
        lr = next(iter(suggest(spaced(1e-7, 10.0, STEPS)[:80], SMOOTHED, STEPS))).x
        await app.press("enter")
        await app.until(lambda: isinstance(app.mode, Tune) and app.mode.draft is not None and app.mode.draft.changes_something, "the draft")
        assert isinstance(app.mode, Tune)
        assert app.mode.draft is not None
        (change,) = app.mode.draft.changes()
        assert change.key == "optimizer.lr"
        assert change.new == pytest.approx(lr, rel=1e-2)
        assert app.app.watched == parent
        await app.press("1")
        await app.shows("gradient norm")


async def test_of_a_configuration_tune_opens_over_the_test_itself_and_trains(tmp_path: Path) -> None:
    starts = Starts()
    async with piloted(tmp_path, range_run(tmp_path / "runs"), launcher=starts) as app:
        await app.shows("▸ valley")
        await app.press("enter")
        await app.until(lambda: isinstance(app.mode, Tune) and app.mode.draft is not None and app.mode.draft.changes_something, "the draft")
        await app.press("ctrl+s")
        await app.until(lambda: any(name == "start" for name, _ in starts.asked), "the start")
    asked: Any = next(asked for name, asked in starts.asked if name == "start")
    assert asked[0].job == "train"



async def test_choosing_a_training_in_the_list_brings_the_overview_back(tmp_path: Path) -> None:
    _, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=100)
    grower.close()
    run = range_run(tmp_path / "runs")
    async with piloted(tmp_path, run) as app:
        await app.shows("loss over learning rate")
        await app.press("7")
        await app.shows("lr range test")
        await app.press("slash", *"heron", "enter", "enter")
        await app.shows("gradient norm")
        assert app.mode.mode == "overview"
