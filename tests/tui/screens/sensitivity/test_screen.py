"""The sensitivity analysis on the screen: in place of the Overview, with a way into Tune."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from gradtop.trainer.jobs.sensitivity.outcome import FieldEffect, PairGrid
from gradtop.trainer.metrics import Monitored
from gradtop.trainer.record import RunState
from gradtop.tui.screens.sensitivity.data import best_of_pair
from gradtop.tui.screens.sensitivity.pair_map import draw_map
from gradtop.tui.screens.sensitivity.text import effect_row, interval_bar, value_rows
from gradtop.tui.screens.tune.screen import Tune
from gradtop.tui.widgets.cells import Cells
from tests.tui.piloting import Piloted, piloted
from tests.tui.runs_fixture import fake_run
from tests.tui.sensitivity_fixture import BATCH, DROPOUT, LR, MOMENTUM, outcome_so_far, sensitivity_run

GRID = PairGrid(LR, BATCH, (0.01, 0.1), (32, 64), ((0.5, 0.4), (0.3, math.nan)), ((0, 0), (1, 3)))


def fields(app: Piloted) -> list[str]:
    """The keys in the order in which they stand there."""
    return [key for line in app.shown().splitlines() for key in (LR, MOMENTUM, DROPOUT, BATCH) if line[1:].lstrip(" ▸").startswith(key) and "[" in line]


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_it_ranks_the_fields_with_bars_and_tells_of_the_chosen_one(tmp_path: Path, size: tuple[int, int]) -> None:
    async with piloted(tmp_path, sensitivity_run(tmp_path / "runs"), size=size) as app:
        await app.shows("▸ optimizer.lr")
        assert fields(app) == [LR, DROPOUT, BATCH, MOMENTUM]
        shown = [" ".join(line.split()) for line in app.shown().splitlines()]
        for words in ("val loss 0.420 ± 0.0107 (3 seeds) 99 of 99", "optimizer.lr 0.296 [0.290, 0.313] 1×", "best 0.05 base 0.05 range log(0.005, 0.5)", "largest change +0.296 [0.290, 0.305] at 5e-3", "PED-ANOVA importances (sweep-lr)"):
            assert any(words in line for line in shown), (words, shown)
        bars = [line.count("▆") for line in app.shown().splitlines() if "[0" in line and "largest" not in line]
        assert bars == sorted(bars, reverse=True)
        await app.press("j")
        await app.shows("▸ model.dropout")
        await app.shows("range float(0, 0.5)")
        await app.press("k", "k")
        await app.shows("within the noise of the seeds")


async def test_in_60_columns_keys_stand_without_their_sections(tmp_path: Path) -> None:
    async with piloted(tmp_path, sensitivity_run(tmp_path / "runs"), size=(60, 24)) as app:
        await app.shows("▸ lr   ")
        await app.shows("├┤")
        await app.shows("base, best")


async def test_normalised_they_have_another_order_and_the_chosen_field_stays(tmp_path: Path) -> None:
    async with piloted(tmp_path, sensitivity_run(tmp_path / "runs")) as app:
        await app.shows("▸ optimizer.lr")
        await app.press("n")
        await app.shows("per decade (log) or unit (linear)")
        assert fields(app)[:2] == [DROPOUT, LR]
        await app.shows("deviation 0.296 / 2 decades = 0.148 per decade")
        await app.press("n")
        await app.shows("largest − smallest mean")


async def test_a_pair_is_a_map_with_figures_and_signs(tmp_path: Path) -> None:
    async with piloted(tmp_path, sensitivity_run(tmp_path / "runs"), size=(80, 24)) as app:
        await app.shows("val loss by optimizer.lr")
        await app.press("v")
        await app.shows("optimizer.lr (down) × training.batch_size (across)")
        await app.shows("◆ best")
        row = next(line.split() for line in app.shown().splitlines() if " 0.5 " in line and "×" in line)
        assert row[2] == "×"
        assert any(each.endswith("!") for each in row)
        await app.press("v")
        await app.shows("val loss by optimizer.lr")


async def test_enter_puts_the_best_value_or_combination_into_tune_over_the_run_that_was_analysed(tmp_path: Path) -> None:
    parent, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=100)
    grower.close()
    for keys, wanted in ((["j", "enter"], {DROPOUT: 0.25}), (["v", "enter"], best_of_pair(outcome_so_far().pairs[0], Monitored("loss", "min")))):
        async with piloted(tmp_path, sensitivity_run(tmp_path / "runs", parent=parent)) as app:
            await app.shows("▸ optimizer.lr")
            await app.press(*keys)
            await app.until(lambda app=app: isinstance(app.mode, Tune) and app.mode.draft is not None and app.mode.draft.changes_something, "the draft")  # type: ignore[misc]
            assert isinstance(app.mode, Tune)
            assert app.mode.draft is not None
            draft = {change.key: change.new for change in app.mode.draft.changes()}
            assert draft.items() <= {**wanted}.items()
            assert draft
            assert app.app.watched == parent


async def test_while_it_trains_it_says_how_far_it_is(tmp_path: Path) -> None:
    async with piloted(tmp_path, sensitivity_run(tmp_path / "runs", state=RunState.PAUSED, trainings=9)) as app:
        await app.shows("(1 of 3 seeds)   9 of 99 trainings, so far")
        await app.shows("–")
    async with piloted(tmp_path, sensitivity_run(tmp_path / "more", state=RunState.PAUSED, trainings=0)) as app:
        await app.shows("the configuration as it is is being trained")
        assert app.mode.check_action("use", ()) is None


def test_a_map_without_colours_has_shades_before_the_figures_and_signs_where_it_is_narrow() -> None:
    assert best_of_pair(GRID, Monitored("loss", "min")) == {LR: 0.01, BATCH: 64}  # the lowest has a training that failed
    rows = [Cells(60) for _ in range(5)]
    draw_map(rows, GRID, Monitored("loss", "min"), (0.1, 32), coloured=False)
    lines = [" ".join("".join(row.text).split()) for row in rows]
    assert lines[:3] == ["lr 32 64", "0.01 ██ 0.5 ▒▒ 0.4 ◆", "0.1 ·· 0.3! ○ ×"]
    assert lines[4].startswith("val loss 0.3 … 0.5 (·░▒▓█)")
    narrow = [Cells(22) for _ in range(5)]
    draw_map(narrow, GRID, Monitored("loss", "min"), (0.1, 32), coloured=False)
    assert "0.4" not in "".join(narrow[1].text)
    assert "×" in "".join(narrow[2].text)


def test_a_bar_is_as_long_as_the_deviation_and_has_its_interval_over_it() -> None:
    assert "".join(text for text, _ in interval_bar((5.0, 4.0, 8.0), 10.0, 20, tone="text")) == "▆▆▆▆▆▆▆├───────┤    "
    assert "".join(text for text, _ in interval_bar((5.0, math.nan, math.nan), 10.0, 20, tone="text")) == "▆" * 10 + " " * 10
    assert "".join(text for text, _ in interval_bar((math.nan, math.nan, math.nan), 10.0, 20, tone="text")).strip() == ""


@pytest.mark.parametrize("size", [(-1e308, 1e308, 1e-320), (1e-320, -1e308, 1e308), (1e308, 0.0, -1.0)])
def test_figures_that_no_analysis_writes_are_drawn_all_the_same(size: tuple[float, float, float]) -> None:
    for most in (1e-320, 1e308, -1.0):
        assert len("".join(text for text, _ in interval_bar(size, most, 20, tone="text"))) == 20


def test_what_is_not_measured_has_a_dash_and_long_keys_keep_their_ends() -> None:
    effect = FieldEffect(key="model.a_rather_long_name_of_a_field", written="float(0, 1)", scale="linear", base=0.5, failed=2)
    row = "".join(text for text, _ in effect_row(effect, 80, 1.0, cursor=False, normalised=False))
    assert "name_of_a_field" in row
    assert "– 2×" in row
    assert len(list(value_rows(effect, 80, 5))) == 1
