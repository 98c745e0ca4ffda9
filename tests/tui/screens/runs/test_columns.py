"""Columns, filter, labels and seeds in the list of runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.record import Run, label_run, read_meta
from gradtop.tui.dialogs.columns import ColumnPicker
from gradtop.tui.screens.runs.columns import USUAL, all_names, kept_columns, shown_columns, written
from gradtop.tui.screens.runs.screen import Runs
from gradtop.tui.ui_state import UiState
from tests.tui.piloting import Piloted, Starts, piloted
from tests.tui.runs_fixture import NOW, fake_run


@pytest.fixture
def two(runs: Path) -> tuple[Run, Run]:
    """A run on digits, and a better one on other data."""
    digits, _ = fake_run(runs, "amber-finch", state="done", steps=400, created=NOW - 4000)
    mnist, _ = fake_run(runs, "tidy-wren", state="done", steps=900, created=NOW - 3000, lr=3e-4)
    mnist.config.write_text(mnist.config.read_text().replace('kind = "digits"', 'kind = "mnist"'))
    return digits, mnist


def order(screen: Piloted) -> list[str]:
    mode = screen.mode
    assert isinstance(mode, Runs)
    return [mode._rows[key].name for key in mode.table.keys]


async def test_columns_are_found_letter_by_letter_sort_and_are_remembered(tmp_path: Path, two: tuple[Run, Run]) -> None:
    memory = UiState(tmp_path / "memory.json")
    async with piloted(tmp_path, None, mode="runs", memory=memory) as screen:
        await screen.shows("amber-finch")
        await screen.press("O")
        await screen.until(lambda: isinstance(screen.app.screen, ColumnPicker), "the list of columns")
        await screen.press("ctrl+u", *"opt.wd", "backspace", *"eigh", "enter", "escape")
        assert kept_columns(memory) == (*USUAL, "optimizer.weight_decay")
        await screen.press("O")
        await screen.until(lambda: isinstance(screen.app.screen, ColumnPicker), "the list of columns")
        for name in USUAL[:-1]:
            await screen.press(*name, "enter", *(["backspace"] * len(name)))
        await screen.press("escape")
        assert kept_columns(memory) == ("tag", "optimizer.weight_decay")
        await screen.until(lambda: "0.01" in screen.shown(), "the value")
        head = screen.shown().splitlines()[2].split()
        assert head == ["run", "state", "tags", "optimizer.weight_decay"]
        await screen.press(*["greater_than_sign"] * 4)
        await screen.until(lambda: memory.get("runs.sort") == "optimizer.weight_decay", "the order")


async def test_what_is_said_of_each_column_is_whole_in_a_small_terminal(tmp_path: Path, two: tuple[Run, Run]) -> None:
    async with piloted(tmp_path, None, mode="runs", size=(80, 24)) as screen:
        await screen.shows("amber-finch")
        await screen.press("O")
        await screen.until(lambda: isinstance(screen.app.screen, ColumnPicker), "the list of columns")
        for name, said in sorted(all_names(()).items(), key=lambda each: -len(each[1]))[:4]:
            await screen.press("ctrl+u", *name)
            await screen.shows(f"{name:<18} {said.replace('`', '')}")


async def test_a_filter_of_any_key_and_what_is_wrong_with_it(tmp_path: Path, two: tuple[Run, Run]) -> None:
    label_run(two[0], add=["base"])
    async with piloted(tmp_path, None, mode="runs") as screen:
        await screen.shows("amber-finch")
        await screen.press("slash")
        await screen.shows("state:failed lr>1e-3 tag:base loss<0.1")
        await screen.press(*"optimizer.lr<1e-3", "enter")
        await screen.until(lambda: order(screen) == ["tidy-wren"], "the match")
        await screen.press("escape", "slash", *"optimzer.lr<1")
        await screen.shows("no run has the key optimzer.lr; did you mean optimizer.lr?")
        assert order(screen) == []
        await screen.press("escape", "slash", *"lr<")
        await screen.shows("lr< needs a value")
        assert len(order(screen)) == 2


async def test_the_best_of_different_data_is_said_to_be_so(tmp_path: Path, two: tuple[Run, Run]) -> None:
    async with piloted(tmp_path, None, mode="runs") as screen:
        await screen.shows("amber-finch")
        await screen.press("o")
        await screen.shows("sorted by best within each of 2 groups of the same data")
        rows = {line.split()[0]: line for line in screen.shown().splitlines()[3:6] if line.strip()}
        assert "mnist" in rows["tidy-wren"]
        assert "digits" in rows["amber-finch"]


async def test_tags_a_note_and_a_pin_by_key(tmp_path: Path, two: tuple[Run, Run]) -> None:
    digits, _ = two
    async with piloted(tmp_path, None, mode="runs") as screen:
        mode = screen.mode
        assert isinstance(mode, Runs)
        await screen.until(lambda: len(order(screen)) == 2, "both")
        mode.table.go(digits.id)
        await screen.press("t", *"base wi,de", "enter")
        await screen.shows("is not a tag")
        await screen.press("backspace", "backspace", "backspace", "enter")
        await screen.until(lambda: read_meta(digits).tags == ("base", "wi"), "the tags")
        await screen.press("N", *"first try", "enter")
        await screen.until(lambda: read_meta(digits).note == "first try", "the note")
        assert order(screen) == ["tidy-wren", "amber-finch"]
        await screen.press("p")
        await screen.until(lambda: order(screen) == ["amber-finch", "tidy-wren"], "the pinned run on top")
        await screen.shows("◆ amber-finch")
        await screen.shows("note: first try")
        await screen.press("p")
        await screen.until(lambda: not read_meta(digits).pinned, "no pin")


async def test_seeds_are_queued_after_the_question_how_many(tmp_path: Path, two: tuple[Run, Run]) -> None:
    starts = Starts()
    async with piloted(tmp_path, None, mode="runs", launcher=starts) as screen:
        await screen.until(lambda: len(order(screen)) == 2, "both")
        await screen.press("S", "x", "enter")
        await screen.shows("A number from 1 to 1000.")
        await screen.press("backspace", "3", "enter")
        await screen.until(lambda: ("seeds", (two[1], 3)) in starts.asked, "three of them")
        await screen.shows("3 runs of tidy-wren with other seeds queued")


def test_what_is_remembered_of_columns_is_read_with_care(tmp_path: Path) -> None:
    memory = UiState(tmp_path / "memory.json")
    for text in ("{", "3", '{"a": 1}', "[" * 10_000, "null"):
        memory.put("runs.columns", text)
        assert kept_columns(memory) == USUAL
    memory.put("runs.columns", '["lr", 3, "lr", "", "name", "x.y"]')
    assert kept_columns(memory) == ("lr", "x.y")
    assert (written(USUAL), written(["lr"])) == ("", '["lr"]')
    names, columns = shown_columns(["lr", "x.y"], forced=["data"])
    assert names == ("data", "lr", "x.y")
    assert [column.name for column in columns] == ["run", "state", "data", "lr", "x.y"]
