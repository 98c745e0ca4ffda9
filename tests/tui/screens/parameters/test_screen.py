from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from gradtop.trainer.record import Run
from gradtop.tui.screens.parameters.screen import Parameters
from gradtop.tui.ui_state import UiState
from gradtop.tui.widgets.columns import Cell
from gradtop.tui.widgets.table import Table
from tests.tui.layers_fixture import Layers, parameter, small_table, wide_table
from tests.tui.piloting import Piloted, piloted
from tests.tui.runs_fixture import fake_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Layers(tmp_path / "runs", small_table()).run


def table(hands: Piloted) -> Table:
    assert isinstance(hands.mode, Parameters)
    return hands.mode.table


def row(hands: Piloted, word: str) -> str:
    """The first line below the header of the table that has this word."""
    lines = hands.shown().splitlines()
    start = next(index for index, line in enumerate(lines) if "formula" in line)
    return next((line for line in lines[start + 1 :] if word in line), "")


async def test_a_row_says_kind_shape_formula_count_share_dtype_and_bytes(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run, mode="parameters") as hands:
        await hands.shows("first")
        line = row(hands, "first")
        for words in ("Linear", "128×784", "784 × 128 + 128", "100\u202f480", "91.9 %", "✓", "float32", "392 KiB"):
            assert words in line
        assert "total 109\u202f376   trainable 109\u202f376   frozen 0   tied 0   bytes 427 KiB   float32" in hands.shown()


async def test_frozen_and_tied_parameters_say_so(tmp_path: Path) -> None:
    content = small_table(trainable=False)
    content["parameters"].append(parameter("head.bias", 64, tied_to="body.second.bias"))
    async with piloted(tmp_path, Layers(tmp_path / "runs", content).run, mode="parameters") as hands:
        await hands.shows("first")
        assert "partly" in row(hands, "second")
        await hands.press("plus")
        assert "8\u202f192" in row(hands, "frozen")
        assert "is body.second.bias" in hands.shown()
        assert "frozen 8\u202f192   tied 1" in hands.shown()


async def test_enter_opens_and_closes_and_the_arrows_go_in_and_out(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run, mode="parameters") as hands:
        await hands.shows("first")
        assert "▾ body" in hands.shown()
        await hands.press("down", "enter")
        assert "▸ body" in hands.shown()
        assert "first" not in hands.shown()
        await hands.press("right")
        assert "▾ body" in hands.shown()
        await hands.press("right")
        assert table(hands).key == "body.first"
        await hands.press("right", "right")
        assert table(hands).key == "body.first.weight"
        await hands.press("left")
        assert table(hands).key == "body.first"
        await hands.press("left", "left", "left")
        assert table(hands).key == "body"
        assert "▸ body" in hands.shown()


async def test_a_click_on_the_chosen_module_opens_it(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run, mode="parameters") as hands:
        await hands.shows("head")
        y = next(index for index, line in enumerate(hands.shown().splitlines()) if "▸ head" in line)
        await hands.pilot.click(offset=(5, y))
        assert table(hands).key == "head"
        await hands.pilot.click(offset=(5, y))
        await hands.shows("▾ head")


async def test_all_can_be_opened_and_closed_at_once(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run, mode="parameters") as hands:
        await hands.shows("first")
        await hands.press("plus")
        assert len(table(hands).keys) == 11
        table(hands).go("body.second.weight")
        await hands.press("minus")
        assert list(table(hands).keys) == [".", "body", "head"]
        assert table(hands).key == "body"


async def test_a_filter_finds_parameters_in_closed_modules(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run, mode="parameters") as hands:
        await hands.shows("first")
        await hands.press("slash", *"second", "space", *"bias", "enter")
        assert list(table(hands).keys) == [".", "body", "body.second", "body.second.bias"]
        assert "1 of 10" in hands.shown()
        assert "open" not in hands.keybar()
        await hands.press("escape")
        assert list(table(hands).keys) == [".", "body", "body.first", "body.relu", "body.second", "head"]


async def test_y_copies_the_row(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async with piloted(tmp_path, run, mode="parameters") as hands:
        await hands.shows("first")
        table(hands).go("body.first")
        await hands.press("y")
        assert hands.app.clipboard == "body.first 100480"


async def test_the_cursor_is_remembered_and_its_modules_are_open_again(tmp_path: Path, run: Run) -> None:
    memory = UiState(tmp_path / "memory.json")
    async with piloted(tmp_path, run, mode="parameters", memory=memory) as hands:
        await hands.shows("first")
        await hands.press("plus", "end", "up", "up")
        assert table(hands).key == "body.second.bias"
    async with piloted(tmp_path, run, mode="parameters", memory=memory) as hands:
        await hands.shows("head")
        assert table(hands).key == "body.second.bias"


async def test_another_run_with_another_model_shows_that_one(tmp_path: Path, run: Run) -> None:
    other = Layers(tmp_path / "runs", wide_table(2, 2), name="amber-finch").run
    async with piloted(tmp_path, run, mode="parameters") as hands:
        await hands.shows("first")
        await hands.press("plus", "end")
        hands.app.watch_run(other, "parameters")
        await hands.shows("encoder")
        assert table(hands).key == "."
        assert "first" not in hands.shown()


async def test_new_records_leave_the_cursor_and_what_is_open_alone(tmp_path: Path) -> None:
    layers = Layers(tmp_path / "runs", small_table())
    async with piloted(tmp_path, layers.run, mode="parameters") as hands:
        await hands.shows("first")
        await hands.press("down", "down", "enter")
        keys = table(hands).keys
        before = hands.snapshot
        layers.measure(1.0, times=3)
        await hands.until(lambda: hands.snapshot is not before, "the news")
        assert table(hands).keys is keys
        assert table(hands).key == "body.first"


async def test_of_seven_thousand_rows_a_key_composes_those_in_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Layers(tmp_path / "runs", wide_table(50, 50)).run
    async with piloted(tmp_path, run, mode="parameters") as hands:
        await hands.shows("encoder")
        await hands.press("plus")
        assert len(table(hands).keys) == 7_552
        composed: list[str] = []
        cells = table(hands)._cells

        def count(key: str) -> Sequence[Cell]:
            composed.append(key)
            return cells(key)

        monkeypatch.setattr(table(hands), "_cells", count)
        for key in ("end", "pageup", "up", "home", "pagedown", "down"):
            composed.clear()
            await hands.press(key)
            assert len(composed) <= 2 * hands.app.size.height, key
            assert composed or key == "home", key  # where the rows were drawn before


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 20)])
async def test_what_matters_is_seen_at_every_size(tmp_path: Path, run: Run, size: tuple[int, int]) -> None:
    async with piloted(tmp_path, run, mode="parameters", size=size) as hands:
        await hands.shows("first")
        line = row(hands, "first")
        assert "784 × 128 + 128" in line
        assert "100\u202f480" in line
        assert "total 109\u202f376" in hands.shown()


async def test_while_there_is_no_model_it_says_when_it_comes(tmp_path: Path) -> None:
    run, _ = fake_run(tmp_path / "runs", steps=0, state="training")
    for path in run.streams.glob("layers*"):
        path.unlink()
    async with piloted(tmp_path, run, mode="parameters") as hands:
        await hands.shows("the model follows with the first step")
        await hands.press("enter", "right", "left", "plus", "minus", "down", "slash", "x", "escape")
        await hands.press("y")
        assert hands.app.clipboard == str(run.path)


async def test_a_run_that_measures_nothing_says_so(tmp_path: Path) -> None:
    run, _ = fake_run(tmp_path / "runs", steps=0, state="training")
    for path in run.streams.glob("layers*"):
        path.unlink()
    run.config.write_text(run.config.read_text().replace("[monitor]", "[monitor]\nenabled = false"))
    async with piloted(tmp_path, run, mode="parameters") as hands:
        await hands.shows("monitor.enabled is false")


async def test_without_a_run_it_says_which_key_brings_one(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    async with piloted(tmp_path, None, mode="parameters") as hands:
        await hands.shows("7 lists the runs")
