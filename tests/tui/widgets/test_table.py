from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from rich.style import Style
from textual import events
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from gradtop.tui.theme import DARK
from gradtop.tui.widgets.columns import Cell, TableColumn
from gradtop.tui.widgets.table import Table
from gradtop.tui.widgets.tones import cursor_style

COLUMNS = (
    TableColumn("name", 12, least=6, keep="end", grow=True),
    TableColumn("norm now", 8, right=True),
    TableColumn("share", 7, right=True, priority=2),
    TableColumn("bytes", 9, right=True, priority=1),
)


def numbered(count: int) -> list[str]:
    return [f"row.{index}" for index in range(count)]


class Listed(App[None]):
    """A table of rows that show their number and `value`; remembers what it was told."""

    CSS = "Table { border: round $primary; }"

    def __init__(self, names: Sequence[str], columns: Sequence[TableColumn] = COLUMNS, **options: Any) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.names, self.value = list(names), "0.5"
        self.table = Table(columns, **options)
        self.said: list[tuple[str, str]] = []
        self.asked: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.focus()
        self.refill()

    def refill(self) -> None:
        shown = [name for name in self.names if self.table.filter in name]
        self.table.show(shown, self.cells, total=len(self.names))

    def cells(self, key: str) -> Sequence[Cell]:
        self.asked.append(key)
        return [key, (self.value, "warning"), [("1", "text"), (" %", "muted")], "4 KiB"]

    def on_table_moved(self, message: Table.Moved) -> None:
        self.said.append(("moved", message.key))

    def on_table_chosen(self, message: Table.Chosen) -> None:
        self.said.append(("chosen", message.key))

    def on_table_filtered(self, message: Table.Filtered) -> None:
        self.said.append(("filtered", message.key))
        self.refill()

    def lines(self) -> list[str]:
        return ["".join(segment.text for segment in strip) for strip in self.screen._compositor.render_strips()]


def cursor_line(app: Listed) -> str:
    """The text of the row that has the cursor's background."""
    colour = cursor_style(app.table, "block-cursor").bgcolor
    for y in range(1, app.table.content_size.height):
        strip = app.table.render_line(y)
        if any(segment.style and segment.style.bgcolor == colour for segment in strip):
            return strip.text
    return ""


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


async def test_a_row_is_drawn_under_its_header_with_numbers_on_the_right() -> None:
    app = Listed(["stem.weight"])
    async with app.run_test(size=(60, 8)):
        _, header, row, *_ = app.lines()
        assert header.index("norm now") + len("norm now") == row.index("0.5") + len("0.5")
        assert row.index("stem.weight") == header.index("name")


async def test_only_the_rows_in_view_are_asked_for() -> None:
    app = Listed(numbered(10_000))
    async with app.run_test(size=(60, 12)) as pilot:
        assert set(app.asked) == set(numbered(9))
        app.asked.clear()
        await press(pilot, "end")
        assert app.table.key == "row.9999"
        assert set(app.asked) == {f"row.{index}" for index in range(9991, 10_000)}


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        (["j"], "row.1"),
        (["down", "down", "k"], "row.1"),
        (["down", "up", "up"], "row.0"),
        (["pagedown"], "row.9"),
        (["pagedown", "pagedown", "pageup"], "row.9"),
        (["end"], "row.99"),
        (["end", "down"], "row.99"),
        (["end", "home"], "row.0"),
    ],
)
async def test_each_key_moves_the_cursor_and_brings_it_into_view(keys: list[str], key: str) -> None:
    app = Listed(numbered(100))
    async with app.run_test(size=(60, 12)) as pilot:
        await press(pilot, *keys)
        assert app.table.key == key
        assert f" {key} " in cursor_line(app)
        assert app.said[-1] == ("moved", key)


async def test_the_cursor_stays_on_its_row_and_on_its_line_when_rows_come_and_are_sorted() -> None:
    app = Listed(numbered(100))
    async with app.run_test(size=(60, 12)) as pilot:
        await press(pilot, *["down"] * 20)
        line = next(y for y, text in enumerate(app.lines()) if "row.20 " in text)
        app.names = ["new", *reversed(numbered(100))]
        app.refill()
        await pilot.pause()
        assert app.table.key == "row.20"
        assert "row.20 " in app.lines()[line]


async def test_a_cursor_whose_row_is_gone_stands_on_the_nearest_and_goes_back_when_it_comes_back() -> None:
    app = Listed(numbered(20))
    async with app.run_test(size=(60, 12)) as pilot:
        await press(pilot, *["down"] * 5)
        app.names.remove("row.5")
        app.refill()
        await pilot.pause()
        assert app.table.key == "row.6"
        app.names.append("row.5")
        app.refill()
        await pilot.pause()
        assert app.table.key == "row.5"


async def test_a_row_may_be_asked_for_before_it_is_there() -> None:
    app = Listed([])
    async with app.run_test(size=(60, 12)) as pilot:
        app.table.go("row.7")
        app.names = numbered(20)
        app.refill()
        await pilot.pause()
        assert app.table.key == "row.7"
        assert "row.7 " in cursor_line(app)


async def test_only_cells_that_changed_are_painted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Listed(numbered(100))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        painted: list[Region] = []
        monkeypatch.setattr(app.table, "refresh", lambda *regions, **_: painted.extend(regions))
        app.refill()
        assert painted == []
        app.value = "0.7"
        app.refill()
        assert len(painted) == 9
        assert all(region.area <= 3 for region in painted)


async def test_a_click_moves_the_cursor_and_a_second_one_goes_in() -> None:
    app = Listed(numbered(100))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.click(app.table, offset=(5, 5))
        assert app.table.key == "row.3"
        assert ("chosen", "row.3") not in app.said
        await pilot.click(app.table, offset=(5, 5))
        await pilot.pause()
        assert app.said[-1] == ("chosen", "row.3")


async def test_a_click_on_the_header_or_below_the_rows_changes_nothing() -> None:
    app = Listed(numbered(3))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.click(app.table, offset=(5, 1))
        await pilot.click(app.table, offset=(5, 9))
        assert app.table.key == "row.0"
        assert all(what != "chosen" for what, _key in app.said)


async def test_the_wheel_scrolls_and_leaves_the_cursor() -> None:
    app = Listed(numbered(100))
    async with app.run_test(size=(60, 12)) as pilot:
        app.table.post_message(wheel(app.table, down=True))
        await pilot.pause()
        assert "row.3 " in app.lines()[2]
        assert app.table.key == "row.0"
        app.value = "0.9"
        app.refill()
        await pilot.pause()
        assert "row.3 " in app.lines()[2]
        app.table.post_message(wheel(app.table, down=False))
        await pilot.pause()
        assert "row.0 " in app.lines()[2]
        app.table.post_message(wheel(app.table, down=True))
        await press(pilot, "down")
        assert "row.1 " in cursor_line(app)


def wheel(table: Table, *, down: bool) -> events.Event:
    kind = events.MouseScrollDown if down else events.MouseScrollUp
    return kind(table, 5, 5, 0, 1 if down else -1, 0, False, False, False, style=Style())


async def test_the_bar_shows_where_one_is_and_can_be_pulled() -> None:
    app = Listed(numbered(100))
    async with app.run_test(size=(60, 12)) as pilot:
        lines = app.lines()
        assert [y for y, line in enumerate(lines) if "▐" in line] == [2]
        await pilot.mouse_down(app.table, offset=(58, 2))
        await pilot.hover(app.table, offset=(58, 10))
        await pilot.mouse_up(app.table, offset=(58, 10))
        assert "row.99 " in app.lines()[10]
        assert app.table.key == "row.0"


async def test_a_filter_is_typed_kept_and_cleared() -> None:
    app = Listed([*numbered(20), "head.weight"], filters=True)
    async with app.run_test(size=(60, 12)) as pilot:
        await press(pilot, "down", "down", "slash", "h", "e", "a")
        assert app.table.keys == ("head.weight",)
        assert "/ hea" in app.lines()[10]
        assert "1 of 21" in app.lines()[10]
        await press(pilot, "enter")
        assert app.table.filter == "hea"
        assert ("chosen", "head.weight") not in app.said
        await press(pilot, "escape")
        assert app.table.filter == ""
        assert app.table.key == "row.2"
        assert app.said.count(("filtered", "")) == 1
        assert "/" not in app.lines()[10]


async def test_a_filter_that_is_opened_again_is_replaced_by_what_is_typed_or_edited_with_the_arrows() -> None:
    app = Listed([*numbered(20), "head.weight"], filters=True)
    async with app.run_test(size=(60, 12)) as pilot:
        await press(pilot, "slash", "h", "e", "enter", "slash")
        assert app.table.filter == "he"
        await press(pilot, "1", "9", "enter", "slash", "right", "0")
        assert app.table.filter == "190"
        await press(pilot, "enter", "slash", "backspace")
        assert app.table.filter == ""


async def test_keys_that_arrive_in_a_burst_go_into_the_filter_in_their_order() -> None:
    app = Listed([*numbered(20), "jklq"], filters=True)
    async with app.run_test(size=(60, 12)) as pilot:
        for key in ["slash", "j", "k", "l", "q", "enter", "j"]:
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await press(pilot)
        assert app.table.filter == "jklq"
        assert app.table.keys == ("jklq",)


async def test_the_cursor_moves_while_a_filter_is_typed() -> None:
    app = Listed(numbered(20), filters=True)
    async with app.run_test(size=(60, 12)) as pilot:
        await press(pilot, "slash", "1", "down", "down", "up")
        assert app.table.key == "row.10"
        await press(pilot, "escape")
        assert app.table.key == "row.10"


async def test_text_can_be_pasted_into_a_filter() -> None:
    app = Listed(numbered(20), filters=True)
    async with app.run_test(size=(60, 12)) as pilot:
        await press(pilot, "slash")
        app.table.post_message(events.Paste("w.1\nno"))
        await pilot.pause()
        assert app.table.filter == "w.1"


async def test_a_table_that_filters_nothing_leaves_the_slash_alone() -> None:
    app = Listed(numbered(20))
    async with app.run_test(size=(60, 12)) as pilot:
        await press(pilot, "slash", "1")
        assert app.table.filter == ""


async def test_an_empty_table_says_why() -> None:
    app = Listed([], empty="the first norms follow with the first step", filters=True)
    async with app.run_test(size=(60, 12)) as pilot:
        assert "the first norms follow with the first step" in app.lines()[2]
        await press(pilot, "down", "end", "slash", "x")
        assert "nothing matches “x”" in app.lines()[2]
        app.table.choose()
        await pilot.pause()
        assert app.table.key == ""
        assert ("chosen", "") not in app.said


@pytest.mark.parametrize(
    ("width", "names"), [(60, ["name", "norm now", "share", "bytes"]), (38, ["name", "norm now", "bytes"]), (24, ["name", "norm now"])]
)
async def test_the_least_important_columns_go_first(width: int, names: list[str]) -> None:
    app = Listed(numbered(3))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.resize_terminal(width, 12)
        while list(app.table.shown_columns) != names:
            await pilot.pause(0.01)
        assert "row.0" in app.lines()[2]


async def test_a_smaller_terminal_keeps_the_cursor_in_view() -> None:
    app = Listed(numbered(100))
    async with app.run_test(size=(60, 20)) as pilot:
        await press(pilot, *["down"] * 16)
        await pilot.resize_terminal(60, 8)
        await pilot.pause()
        assert "row.16 " in cursor_line(app)


async def test_a_terminal_too_small_for_a_row_is_no_trouble() -> None:
    app = Listed(numbered(100), filters=True)
    async with app.run_test(size=(60, 12)) as pilot:
        for size in ((3, 3), (5, 2), (1, 1), (60, 3), (60, 12)):
            await pilot.resize_terminal(*size)
            await press(pilot, "slash", "1", "down", "escape", "end")
        assert "row.99 " in cursor_line(app)


async def test_wide_characters_keep_the_columns_in_place() -> None:
    app = Listed(["層.重み.とても長い名前です", "e\u0301.weight", "plain"])
    async with app.run_test(size=(40, 12)):
        header, *rows = [app.table.render_line(y) for y in range(4)]
        assert {strip.cell_length for strip in rows} == {38}
        end = header.text.index("norm now") + len("norm now")
        assert [strip.crop(end - 3, end).text for strip in rows] == ["0.5"] * 3
