"""The comparison of initializations on the screen: in place of the Overview, with a way into Tune."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.record import Run, RunReader, RunState
from gradtop.tui.screens.init_comparison.data import init_part, overlaid
from gradtop.tui.screens.tune.screen import Tune
from gradtop.tui.widgets.line_chart import LineChart
from tests.tui.init_fixture import init_run, init_trial, init_trials
from tests.tui.piloting import Piloted, piloted
from tests.tui.runs_fixture import fake_run


def titles(app: Piloted) -> list[str]:
    return [str(chart.border_title) for chart in app.mode.query(LineChart) if chart.display]


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 24)])
async def test_it_ranks_them_and_draws_four_charts_of_which_a_small_terminal_shows_some(tmp_path: Path, size: tuple[int, int]) -> None:
    async with piloted(tmp_path, init_run(tmp_path / "runs"), size=size) as app:
        await app.shows("best xavier_uniform, loss 0.540 ± 0.099; cannot be told")
        shown = [" ".join(line.split()) for line in app.shown().splitlines()]
        for words in ("xavier_uniform 0.540 ± 0.099", "kaiming_normal 0.54 ± 0.11", "zeros 1.1 ± 0"):
            assert any(words in line for line in shown), (words, shown)
        await app.until(lambda: "1/3 stem.weight, peak = 1" in [str(chart.border_title) for chart in app.mode.query(LineChart)], "the title")
        seen = titles(app)
        pages = 4 // {(120, 40): 4, (80, 24): 2, (60, 24): 1}[size]
        for _ in range(pages - 1):
            await app.press("v")
            seen += titles(app)
        assert seen == ["training loss, mean of the seeds", "1/3 stem.weight, peak = 1", "activations by layer, std", "weight gradients by layer, RMS"]
        assert (app.mode.check_action("turn_charts", ()) is True) == (pages > 1)
        await app.press("left_square_bracket")
        await app.until(lambda: "3/3 head.weight, peak = 1" in [str(chart.border_title) for chart in app.mode.query(LineChart)], "the last layer")
        await app.press("k")
        await app.shows("zeros no weight gets a gradient; the loss does not fall")


def test_curves_are_means_of_the_seeds_and_zero_has_no_place_on_a_logarithmic_axis(tmp_path: Path) -> None:
    part = init_part(RunReader(Run(init_run(tmp_path).path)))
    curves = {each.init: each for each in part.curves}
    xavier = curves["xavier_uniform"]
    assert list(xavier.activations.x) == [1, 2, 3]
    assert list(xavier.activations.mean) == pytest.approx([0.5, 0.25, 0.125])
    assert (xavier.loss.low[-1], xavier.loss.mean[-1], xavier.loss.high[-1]) == pytest.approx((0.50, 0.54, 0.58))
    assert not curves["zeros"].activations.x


def test_weights_are_counted_on_bins_that_all_initializations_share() -> None:
    wide, none = init_trial("xavier_uniform", 0).layers[0], init_trial("zeros", 0).layers[0]
    first, second = overlaid([[wide, wide], [none]])
    assert (first.first, first.last) == (second.first, second.last) == pytest.approx((-0.315, 0.315))
    assert max(first.mean) == max(second.mean) == 1
    assert [x for x, y in zip(second.x, second.mean, strict=True) if y] == pytest.approx([0.0], abs=1e-9)
    inside = [y for x, y in zip(first.x, first.mean, strict=True) if abs(x) < 0.07]
    assert inside == pytest.approx([1.0] * len(inside))
    assert set(first.x) >= set(second.x)


async def test_enter_puts_the_initialization_into_tune_over_the_run_that_was_measured(tmp_path: Path) -> None:
    parent, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=100)
    grower.close()
    async with piloted(tmp_path, init_run(tmp_path / "runs", parent=parent)) as app:
        await app.shows("▸ ")
        await app.press("j", "enter")
        await app.until(lambda: isinstance(app.mode, Tune) and app.mode.draft is not None and app.mode.draft.changes_something, "the draft")
        assert isinstance(app.mode, Tune)
        assert app.mode.draft is not None
        assert next((change.key, change.new) for change in app.mode.draft.changes()) == ("init.kind", "kaiming_normal")
        assert app.app.watched == parent


async def test_while_it_measures_it_says_so_far_and_before_that_what_comes(tmp_path: Path) -> None:
    async with piloted(tmp_path, init_run(tmp_path / "runs", state=RunState.PAUSED, trials=init_trials(2))) as app:
        await app.shows("best so far")
    async with piloted(tmp_path, init_run(tmp_path / "more", state=RunState.PAUSED, trials=[])) as app:
        await app.shows("the first initialization is being measured")
        assert app.mode.check_action("use", ()) is None
