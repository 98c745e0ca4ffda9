"""The list is sorted and filtered, and its keys are those of other lists."""

from __future__ import annotations

from pathlib import Path

from textual.command import CommandPalette

from gradtop.tui.screens.runs.screen import Runs
from gradtop.tui.ui_state import UiState
from gradtop.tui.widgets.table import Table
from tests.tui.piloting import piloted
from tests.tui.screens.runs.family import Family, opened, order, order_names


async def test_o_changes_the_order_which_is_remembered(tmp_path: Path, family: Family) -> None:
    memory = UiState(tmp_path / "memory.json")
    async with piloted(tmp_path, None, mode="runs", memory=memory) as screen:
        await opened(screen)
        await screen.press("o")
        await screen.until(lambda: order_names(screen)[0] == "quiet-heron" and "└" not in screen.shown(), "the best first")
        assert "sort: best" in screen.keybar()
        await screen.press("o")
        await screen.until(lambda: order_names(screen) == sorted(order_names(screen)), "by name")
        assert memory.get("runs.sort") == "name"
    async with piloted(tmp_path, None, mode="runs", memory=memory) as screen:
        await screen.until(lambda: order_names(screen)[:1] == ["amber-finch"], "by name")


async def test_a_filter_finds_words_of_name_state_and_change(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, None, mode="runs") as screen:
        await opened(screen)
        await screen.press("slash", *"memory", "enter")
        await screen.until(lambda: order_names(screen) == ["brave-otter"], "the match")
        assert "1 of 5" in screen.shown()
        await screen.press("escape")
        await screen.until(lambda: len(order_names(screen)) == 5, "all")


async def test_a_click_on_a_column_and_two_keys_sort_by_it_and_once_more_the_other_way_round(tmp_path: Path, family: Family) -> None:
    memory = UiState(tmp_path / "memory.json")
    async with piloted(tmp_path, None, mode="runs", memory=memory) as screen:
        await opened(screen)
        mode = screen.mode
        assert isinstance(mode, Runs)
        heads = screen.shown().splitlines()[2]
        by_state = ["grey-lynx", "amber-finch", "brave-otter", "tidy-wren", "quiet-heron"]
        await screen.pilot.click(Table, offset=(heads.index("state"), 0))
        await screen.until(lambda: order(screen) == by_state, "the order by state")
        await screen.shows("state▴")
        await screen.pilot.click(Table, offset=(heads.index("state"), 0))
        await screen.until(lambda: order(screen) == by_state[::-1], "the other way round")
        await screen.shows("state▾")
        await screen.press("less_than_sign")
        await screen.until(lambda: order(screen) == sorted(by_state), "the order by name")
        assert memory.get("runs.sort") == "name"
        await screen.press("greater_than_sign", "greater_than_sign")
        await screen.until(lambda: order(screen)[0] == "quiet-heron", "the newest first")


async def test_the_keys_of_lists_are_those_of_other_terminal_programs(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, None, mode="runs", size=(120, 12)) as screen:
        await screen.shows("quiet-heron")
        mode = screen.mode
        assert isinstance(mode, Runs)
        places = []
        for key in ("G", "k", "g", "j", "ctrl+d", "ctrl+u"):
            await screen.press(key)
            places.append(mode.table.keys.index(mode.table.key))
        assert places == [4, 3, 0, 1, 1 + mode.table._rows.page // 2, 1]


async def test_a_colon_opens_the_palette_and_is_a_letter_of_a_filter(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, None, mode="runs") as screen:
        await opened(screen)
        await screen.press("slash", "colon")
        await screen.until(lambda: screen.mode.view().filter == ":", "the filter")  # type: ignore[attr-defined]
        await screen.press("escape", "colon")
        await screen.until(lambda: isinstance(screen.app.screen, CommandPalette), "the palette")
