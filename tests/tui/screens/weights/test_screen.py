from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradtop.trainer.record import Run, new_run, read_leases
from gradtop.tui.screens.weights.screen import WeightHistory
from gradtop.tui.terminal import Capabilities
from gradtop.tui.ui_state import UiState
from gradtop.tui.widgets.histogram import HistogramPlot
from gradtop.tui.widgets.table import Table
from tests.tui.fake_model import PARAMETERS
from tests.tui.piloting import piloted
from tests.tui.runs_fixture import NOW, Grower, fake_run

SHAPES = {name: shape for name, _kind, shape in PARAMETERS}
NAMES = [name for name, _kind, _shape in PARAMETERS]


async def test_the_first_parameter_is_shown_with_its_figures_and_its_history(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    async with piloted(tmp_path, training[0], mode="weights") as screen:
        await screen.shows("step 1\u202f200 · 4 steps ago")
        shown = screen.shown()
        for words in (*NAMES, "32×16×3×3", "stem.weight  16×1×3×3", "mean", "std", "zeros 0.0 %", "weights 144", "█"):
            assert words in shown
        for words in ("since the start", "step 0 ", "step 400", "now", "× as wide"):
            assert words in shown


async def test_j_and_k_walk_the_layers_and_the_worker_is_asked_to_measure_the_chosen_one(
    tmp_path: Path, training: tuple[Run, Grower]
) -> None:
    run, _ = training
    async with piloted(tmp_path, run, mode="weights") as screen:
        await screen.shows("stem.weight  16×1×3×3")
        for key, name in (("j", "stem.bias"), ("down", "block1.conv.weight"), ("end", "head.bias"), ("k", "head.weight"), ("home", "stem.weight")):
            await screen.press(key)
            await screen.shows(f" {name}  {'×'.join(map(str, SHAPES[name]))} ")
            await screen.until(lambda name=name: leased(run) == ({"histograms"}, {name}), "the lease")  # type: ignore[misc]
        assert screen.app.memory.get("weights.parameter") == "stem.weight"


def leased(run: Run) -> tuple[set[str], set[str]]:
    notes = [json.loads(path.read_text()) for path in run.leases.glob("[!.]*.json")]
    return {each for note in notes for each in note["measurements"]}, {each for note in notes for each in note["parameters"]}


async def test_the_picture_follows_what_is_measured(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, grower = training
    async with piloted(tmp_path, run, mode="weights") as screen:
        await screen.shows("step 1\u202f200")
        grower.grow(100)
        await screen.shows("step 1\u202f300")


async def test_the_parameter_is_there_on_the_next_visit(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    memory = UiState(tmp_path / "memory.json")
    memory.put("weights.parameter", "head.weight")
    async with piloted(tmp_path, training[0], mode="weights", memory=memory) as screen:
        await screen.shows("head.weight  10×256")
        assert screen.mode.query_one(Table).key == "head.weight"
        await screen.press("1", "4")
        await screen.shows("head.weight  10×256")


async def test_a_filter_leaves_the_parameters_that_match(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    async with piloted(tmp_path, training[0], mode="weights") as screen:
        await screen.shows("stem.weight  16×1×3×3")
        await screen.press("slash", *"head", "enter")
        await screen.shows("2 of 8")
        await screen.shows("head.weight  10×256")
        assert list(screen.mode.query_one(Table).keys) == ["head.weight", "head.bias"]
        await screen.press("escape")
        await screen.until(lambda: len(screen.mode.query_one(Table).keys) == 8, "all rows")


async def test_y_copies_the_figures(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    async with piloted(tmp_path, training[0], mode="weights") as screen:
        await screen.shows("step 1\u202f200")
        await screen.press("y")
        assert screen.app.clipboard.startswith("stem.weight at step 1200: mean ")


async def test_below_80_columns_tab_changes_between_now_and_the_start(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    async with piloted(tmp_path, training[0], mode="weights", size=(60, 20)) as screen:
        await screen.shows("step 1\u202f200")
        assert screen.mode.query_one(HistogramPlot).is_on_screen
        assert "tab history" in screen.keybar()
        await screen.press("j", "tab")
        await screen.until(lambda: screen.mode.query_one(WeightHistory).is_on_screen, "the history")
        assert "× as wide" in screen.shown()
        assert "tab now" in screen.keybar()
        await screen.press("k")
        await screen.until(lambda: screen.mode.query_one(Table).key == "stem.weight", "the list")
        await screen.press("escape")
        await screen.until(lambda: screen.mode.query_one(HistogramPlot).is_on_screen, "the picture")


@pytest.mark.parametrize("size", [(40, 12), (79, 15), (80, 24), (100, 30), (200, 60)])
async def test_at_every_size_there_is_a_picture(tmp_path: Path, training: tuple[Run, Grower], size: tuple[int, int]) -> None:
    async with piloted(tmp_path, training[0], mode="weights", size=size) as screen:
        await screen.shows("mean")
        if size[1] > 12:
            await screen.shows("█")


async def test_in_ascii_the_picture_is_made_of_ascii(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    async with piloted(tmp_path, training[0], mode="weights", capabilities=Capabilities(unicode=False)) as screen:
        await screen.shows("#####")
        assert not any("\u2580" <= character <= "\u259f" for row in screen.mode.query_one(HistogramPlot)._rows for character in row.text)


async def test_a_finished_run_is_shown_without_asking_anybody_to_measure(tmp_path: Path, runs: Path) -> None:
    run, _ = fake_run(runs, "amber-finch", state="done", steps=400)
    async with piloted(tmp_path, run, mode="weights", interval=60) as screen:
        await screen.shows("step 300")
        assert read_leases(run, NOW).measurements == frozenset()


@pytest.mark.parametrize(
    ("config", "words"),
    [("", "This run has not recorded its parameters."), ("[monitor]\nenabled = false\n", "monitor.enabled is false")],
)
async def test_where_nothing_was_measured_it_is_said_why(tmp_path: Path, runs: Path, config: str, words: str) -> None:
    run = new_run(runs, config, {"name": "bare-fox"}, name="bare-fox", now=NOW)
    async with piloted(tmp_path, run, mode="weights") as screen:
        await screen.shows(words)


async def test_without_a_run_it_is_said_how_to_get_one(tmp_path: Path, runs: Path) -> None:
    async with piloted(tmp_path, None, mode="weights") as screen:
        await screen.press("4")
        await screen.shows("No run is selected. 7 lists the runs, 6 starts one.")
