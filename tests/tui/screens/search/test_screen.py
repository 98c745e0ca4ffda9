"""Mode 8 over searches of every kind: what it shows, and what its keys do."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from gradtop.trainer.record import Run, RunState
from gradtop.trainer.record.control import Inbox
from gradtop.trainer.trials.recorded import append_trial, read_trials
from gradtop.tui.screens.search.screen import TrialsScreen
from gradtop.tui.screens.tune.screen import Tune
from gradtop.tui.terminal import Capabilities
from tests.tui.piloting import Piloted, Starts, piloted
from tests.tui.runs_fixture import fake_run
from tests.tui.search_fixture import KIND, search_run


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 20)])
async def test_it_shows_history_importances_and_trials(tmp_path: Path, size: tuple[int, int]) -> None:
    async with piloted(tmp_path, search_run(tmp_path / "runs"), size=size) as app:
        await app.shows("trial 24")
        shown = app.shown()
        for words in ("2 workers", "41/100 trials", "val loss: lowest so far", "best 0.0123  trial 24", "■ done", "lr"):
            assert words in shown
        assert ("PED-ANOVA" in shown) == (size[0] >= 100)
        assert app.app.current_mode == "search"


async def test_the_plots_follow_each_other_and_end_where_they_began(tmp_path: Path) -> None:
    async with piloted(tmp_path, search_run(tmp_path / "runs", objectives=2)) as app:
        await app.shows("val loss: lowest so far")
        for title in ("parallel coordinates", "val loss over optimizer.lr", "Pareto front", "val loss: lowest so far"):
            await app.press("v")
            await app.shows(title)
        await app.press("V", "V")
        await app.shows("val loss over optimizer.lr")
        await app.press("]")
        await app.shows("val loss over training.batch_size")


async def test_a_narrow_terminal_has_the_importances_as_a_plot(tmp_path: Path) -> None:
    async with piloted(tmp_path, search_run(tmp_path / "runs"), size=(80, 24)) as app:
        await app.shows("lowest so far")
        await app.press("V")
        await app.shows("PED-ANOVA")


async def test_a_large_plot_fills_the_screen_until_escape(tmp_path: Path) -> None:
    async with piloted(tmp_path, search_run(tmp_path / "runs")) as app:
        await app.shows("took")
        await app.press("f")
        await app.until(lambda: "took" not in app.shown(), "the plot alone")
        await app.press("escape")
        await app.shows("took")


async def test_a_directory_of_runs_that_has_gone_is_said_in_place_of_searches(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path / "runs", state="done", steps=100)
    grower.close()
    async with piloted(tmp_path, run) as app:
        await app.press("8")
        await app.shows("No searches in")
        shutil.rmtree(run.path.parent)
        await app.until(lambda: app.app.current_mode == "runs", "the list of runs, as there is none to watch")
        await app.press("8")
        await app.until(lambda: app.app.current_mode == "search", "the searches")
        await app.shows("The runs directory was deleted or moved")


async def test_a_filter_and_an_order_change_which_trials_are_listed(tmp_path: Path) -> None:
    async with piloted(tmp_path, search_run(tmp_path / "runs")) as app:
        await app.shows("trial 24")
        await app.press("slash", *"pruned")
        await app.until(lambda: len(app.snapshot.part.shown) == 7, "the pruned ones")
        await app.press("escape", "<", "<")
        await app.until(lambda: app.snapshot.part.view.sort not in {"value", "trial"}, "another order")


async def test_enter_opens_a_trial_and_escape_comes_back_to_it(tmp_path: Path) -> None:
    search = search_run(tmp_path / "runs")
    run, grower = fake_run(tmp_path / "runs", "amber-finch", state="done", steps=100, parent=search)
    grower.close()
    append_trial(search, replace(read_trials(search)[24], run=run.id))
    async with piloted(tmp_path, search) as app:
        await app.shows("amber-finch")
        await app.press("enter")
        await app.until(lambda: app.app.current_mode == "overview" and app.app.watched == run, "the trial's run")
        await app.press("escape")
        await app.until(lambda: app.app.current_mode == "search" and app.snapshot.part.chosen == 24, "the search with its trial")
        await app.shows("search sweep-lr")
        assert app.mode.target() is not None
        assert app.mode.target().run == search  # type: ignore[union-attr]


async def test_a_run_without_a_search_is_told_how_to_start_one_and_which_there_are(tmp_path: Path) -> None:
    search_run(tmp_path / "runs", state=RunState.DONE)
    run, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=100)
    grower.close()
    async with piloted(tmp_path, run, mode="search") as app:
        await app.shows("quiet-heron is no search and no trial of one")
        await app.shows("gradtop search CONFIG --space")
        await app.shows("or in Tune (6), with ctrl+w.")
        await app.shows("sweep-lr")
        await app.press("enter")
        await app.shows("41/100 trials")


async def test_the_best_trial_goes_into_tune(tmp_path: Path) -> None:
    search = search_run(tmp_path / "runs")
    async with piloted(tmp_path, search) as app:
        await app.shows("trial 24")
        await app.press("t")
        await app.until(lambda: isinstance(app.mode, Tune) and app.mode.draft is not None and app.mode.draft.changes_something, "the draft")
        assert isinstance(app.mode, Tune)
        assert app.mode.draft is not None
        changed = {change.key: change.new for change in app.mode.draft.changes()}
        assert changed == {key: value for key, value in read_trials(search)[24].params.items() if key != KIND}
        assert app.app.watched == search


async def test_keys_send_commands_to_the_search(tmp_path: Path) -> None:
    search = search_run(tmp_path / "runs")
    async with piloted(tmp_path, search) as app:
        await app.shows("trial 24")
        assert isinstance(app.mode, TrialsScreen)
        await app.press("b")
        await app.pilot.pause()
        await app.press(*"150", "enter")
        await app.press("a")
        await app.pilot.pause()
        await app.press("enter")
        await app.press("slash", *"training", "enter", "x")
        await app.pilot.pause()
        await app.until(lambda: len(app.app.screen_stack) > 1, "the question")
        await app.press("y")
        await app.until(lambda: len(sent(search)) == 3, "three commands")
        extended, added, stopped = sent(search)
    best = read_trials(search)[24].params
    assert extended == ("extend", {"trials": 150})
    assert added == ("add_trial", {"params": best})
    assert stopped[0] == "stop_trial"
    assert stopped[1]["trial"] in {41, 42}


async def test_a_search_that_has_ended_is_resumed_for_more(tmp_path: Path) -> None:
    search = search_run(tmp_path / "runs", state=RunState.DONE)
    async with piloted(tmp_path, search) as app:
        await app.shows("trial 24")
        await app.press("b")
        await app.pilot.pause()
        await app.press(*"150", "enter")
        await app.until(lambda: ("ask_search", (search, "extend", {"trials": 150})) in asked(app), "what is asked of it")
        await app.shows("sweep-lr resumed")


async def test_the_form_over_a_search_enqueues_a_trial_of_its_space(tmp_path: Path) -> None:
    search = search_run(tmp_path / "runs")
    async with piloted(tmp_path, search, mode="tune") as app:
        await app.until(lambda: isinstance(app.mode, Tune) and app.mode.draft is not None, "the form")
        assert isinstance(app.mode, Tune)
        app.mode.form.go("optimizer.lr")
        await app.press("enter", *"0.02", "enter", "ctrl+e")
        await app.until(lambda: ("ask_search", (search, "add_trial", {"params": {"optimizer.lr": 0.02}})) in asked(app), "the trial")


async def test_tune_asks_for_a_space_and_starts_a_search_over_the_form(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=100)
    grower.close()
    async with piloted(tmp_path, run, mode="tune") as app:
        await app.until(lambda: isinstance(app.mode, Tune) and app.mode.draft is not None, "the form")
        await app.press("ctrl+w")
        await app.shows("optimizer.lr=log(")
        app.app.screen.query_one(Input).value = "lr=log(1e-3, 1e-4)"
        await app.press("enter")
        await app.shows("low end")
        app.app.screen.query_one(Input).value = "lr=log(1e-4, 1e-3); model.dropout=float(0, 0.5); trials=7; objectives=accuracy, seconds"
        await app.press("enter")
        await app.until(lambda: [each for each in asked(app) if each[0] == "start"], "a start")
        ((config, parent),) = [each for name, each in asked(app) if name == "start"]
        settings = config.part("search")
        assert (config.job, parent) == ("search", run)
        assert settings.space == {"lr": "log(1e-4, 1e-3)", "model.dropout": "float(0, 0.5)"}
        assert (settings.trials, settings.objectives) == (7, ("accuracy", "seconds"))
        await app.shows("not started")  # as its launcher starts nothing
        await app.press("ctrl+w")
        await app.shows("trials=7; objectives=accuracy, seconds")  # to be corrected


def asked(app: Piloted) -> list[tuple[str, Any]]:
    assert isinstance(app.app.launcher, Starts)
    return app.app.launcher.asked


def sent(run: Run) -> list[tuple[str, Any]]:
    return [(command.name, command.arguments) for command in Inbox(run).poll()]


async def test_what_another_trial_brings_is_shown_while_one_of_them_is_watched(tmp_path: Path) -> None:
    search = search_run(tmp_path / "runs", trials=3)
    async with piloted(tmp_path, search) as app:
        await app.shows("3/100 trials")
        await app.shows("importances come once enough trials are done")
        append_trial(search, replace(read_trials(search)[0], number=9))
        await app.shows("4/100 trials")


async def test_in_ascii_no_other_character_is_drawn(tmp_path: Path) -> None:
    async with piloted(tmp_path, search_run(tmp_path / "runs"), capabilities=Capabilities(unicode=False, colours=0)) as app:
        await app.shows("trial 24")
        await app.press("v")
        await app.shows("parallel coordinates")
        assert "@" in app.shown()
