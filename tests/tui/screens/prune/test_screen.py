"""A pruning run on the screen: in place of the Overview, with ways to write a checkpoint and to train it on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gradtop.trainer.record import Run, RunReader, RunState
from gradtop.tui.dialogs.confirm import Confirm
from gradtop.tui.screens.prune.data import amount_curve, prune_part
from gradtop.tui.screens.runs.screen import Runs
from gradtop.tui.screens.tune.screen import Tune
from gradtop.tui.widgets.line_chart import LineChart
from tests.tui.piloting import Piloted, Starts, piloted
from tests.tui.prune_fixture import AMOUNTS, LEFT, prune_run, prune_trials, write_checkpoint
from tests.tui.runs_fixture import fake_run


def rows(app: Piloted) -> list[str]:
    return [" ".join(line.split()) for line in app.shown().splitlines()]


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 24)])
async def test_it_tells_each_amount_draws_each_method_and_marks_the_most_that_costs_little(tmp_path: Path, size: tuple[int, int]) -> None:
    async with piloted(tmp_path, prune_run(tmp_path / "runs"), size=size) as app:
        await app.shows("largest amount with accuracy at most 1 % worse: global_l1")
        await app.until(lambda: any("▸ " in row[:3] and "global_l1 50 % 0.9550" in row for row in rows(app)), "the row of the most")
        table = app.shown().splitlines()
        assert all(len(line.rstrip()) < size[0] for line in table if "global_l1  " in line or "amount accuracy" in line)
        assert next(line for line in table if "▸" in line).startswith("◆" if size[0] < 100 else " ")
        assert size[0] < 80 or "v layers" in table[-1] or size[0] >= 100
        assert any("no file smaller and no model faster" in row for row in rows(app))
        chart = app.mode.query_one("#curve", LineChart)
        assert (str(chart.border_title), chart.display) == ("accuracy by amount", True)
        await app.press("m")
        await app.until(lambda: str(chart.border_title) == "val loss by amount", "the other metric")
        if size[0] < 100:
            await app.press("v")
        await app.until(lambda: any(row.endswith("blocks.1.conv ▆▆▆▆▆ 50 %") or ("blocks.1.conv" in row and "50 %" in row) for row in rows(app)), "the layers")
        bars = [line.count("▆") for line in app.shown().splitlines() if "blocks" in line or "stem" in line]
        assert len(set(bars)) == 1
        assert bars[0] > 3


async def test_the_cursor_chooses_an_amount_and_an_error_says_why(tmp_path: Path) -> None:
    async with piloted(tmp_path, prune_run(tmp_path / "runs")) as app:
        await app.shows("sparsity by layer, global_l1 50 %")
        await app.press("j")
        await app.shows("sparsity by layer, global_l1 75 %")
        await app.press(*"kkk")
        await app.until(lambda: app.mode.check_action("write", ()) is None, "the unpruned model")
        await app.press("k")
        await app.shows("channel_removal 25 % channels cannot be removed from this model")
        await app.shows("its code computes with fixed numbers of channels")
        assert app.mode.check_action("write", ()) is None


def test_a_curve_begins_with_the_unpruned_model(tmp_path: Path) -> None:
    part = prune_part(RunReader(Run(prune_run(tmp_path).path)))
    assert part.methods == ("global_l1", "random", "channel_removal")
    curve = amount_curve(part.trials, "global_l1", "accuracy")
    assert list(curve.x) == [0.0, *(100 * amount for amount in AMOUNTS)]
    assert list(curve.mean) == [0.96, *LEFT["global_l1"]]
    assert amount_curve(part.trials, "channel_removal", "accuracy").x == (0.0,)
    assert part.best is not None
    assert (part.trials[part.best].method, part.trials[part.best].amount) == ("global_l1", 0.5)


async def test_enter_asks_and_has_the_checkpoint_written_by_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Sequence[str]]] = []
    monkeypatch.setattr("gradtop.tui.screens.sweep_screen.carry_out", lambda _, title, words: asked.append((title, words)))
    run = prune_run(tmp_path / "runs", written="pruned: random 25 %")
    async with piloted(tmp_path, run) as app:
        await app.shows("written pruned: random 25 %")
        await app.press("enter")
        await app.until(lambda: isinstance(app.app.screen, Confirm), "the question")
        await app.shows("takes the place of what")
        await app.press("y")
        await app.until(lambda: bool(asked), "the command")
    assert asked == [("write global_l1 50 %", ("prune", run.where, "--write", "global_l1:0.5"))]


async def test_f_opens_tune_over_the_written_checkpoint_and_there_is_none_before(tmp_path: Path) -> None:
    run = prune_run(tmp_path / "runs", written="pruned: random 25 %")
    async with piloted(tmp_path, run) as app:
        await app.shows("written pruned")
        await app.press("f")
        await app.until(lambda: isinstance(app.mode, Tune) and app.mode.draft is not None, "the form")
        assert isinstance(app.mode, Tune)
        assert [each.step for each in app.mode.base.checkpoints] == [40]
        assert app.app.watched == run
    later = prune_run(tmp_path / "more")
    async with piloted(tmp_path, later) as app:
        await app.shows("largest amount with")
        assert app.mode.check_action("fork", ()) is None
        write_checkpoint(later, "pruned: layer_l1 75 %")
        await app.shows("written pruned: layer_l1 75 %")
        assert app.mode.check_action("fork", ()) is True


async def test_while_it_measures_it_says_so_far_and_before_that_what_comes(tmp_path: Path) -> None:
    async with piloted(tmp_path, prune_run(tmp_path / "runs", state=RunState.PAUSED, trials=prune_trials()[:3])) as app:
        await app.shows("so far largest amount")
    async with piloted(tmp_path, prune_run(tmp_path / "more", state=RunState.PAUSED, trials=[])) as app:
        await app.shows("the unpruned model is being measured")
        assert app.mode.check_action("choose", (1,)) is None


async def test_a_key_in_runs_starts_it_on_the_best_checkpoint(tmp_path: Path) -> None:
    starts = Starts()
    parent, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=400)
    grower.close()
    async with piloted(tmp_path, parent, mode="runs", launcher=starts) as app:
        await app.until(lambda: isinstance(app.mode, Runs) and app.mode.row is not None, "the row")
        assert app.mode.check_action("start_job", ("prune",)) is True
        await app.press("P")
        await app.until(lambda: any(name == "start" for name, _ in starts.asked), "the start")
    asked: Any = next(asked for name, asked in starts.asked if name == "start")
    assert (asked[0].job, asked[1]) == ("prune", parent)
