from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from gradtop.tui.theme import DARK
from gradtop.tui.widgets.log_view import LogView, forgotten, wrap


class Logged(App[None]):
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DARK.variables

    def compose(self) -> ComposeResult:
        yield LogView(empty="nothing printed")

    @property
    def view(self) -> LogView:
        return self.query_one(LogView)

    def rows(self) -> list[str]:
        return ["".join(segment.text for segment in strip).rstrip() for strip in self.screen._compositor.render_strips()]


@asynccontextmanager
async def logged(lines: Sequence[str], size: tuple[int, int] = (40, 10)) -> AsyncIterator[tuple[Logged, Pilot[None]]]:
    app = Logged()
    async with app.run_test(size=size) as pilot:
        app.view.focus()
        app.view.set_lines(lines)
        await pilot.pause()
        yield app, pilot


def numbered(start: int, stop: int) -> list[str]:
    return [f"line {number}" for number in range(start, stop)]


async def test_the_end_is_followed_while_it_is_seen() -> None:
    async with logged(numbered(0, 50)) as (app, pilot):
        assert app.rows() == numbered(40, 50)
        app.view.set_lines(numbered(0, 55))
        await pilot.pause()
        assert app.rows() == numbered(45, 55)


async def test_what_is_read_further_up_stays_where_it_is() -> None:
    async with logged(numbered(0, 50)) as (app, pilot):
        await pilot.press("up", "up", "k")
        assert app.rows() == numbered(37, 47)
        app.view.set_lines(numbered(20, 70))
        await pilot.pause()
        assert app.rows() == numbered(37, 47)
        assert app.view.below == 23
        await pilot.press("end")
        assert app.rows() == numbered(60, 70)
        app.view.set_lines(numbered(30, 71))
        await pilot.pause()
        assert app.rows() == numbered(61, 71)


async def test_what_fell_out_gives_place_to_the_first_line_there_is() -> None:
    async with logged(numbered(0, 50)) as (app, pilot):
        await pilot.press("home")
        app.view.set_lines(numbered(40, 90))
        await pilot.pause()
        assert app.rows() == numbered(40, 50)


async def test_pages_and_the_wheel_move() -> None:
    async with logged(numbered(0, 50)) as (app, pilot):
        await pilot.press("pageup")
        assert app.rows()[0] == "line 31"
        await pilot.press("pageup", "pagedown", "down", "j")
        assert app.rows()[0] == "line 33"
        await pilot.press("home")
        assert app.rows()[0] == "line 0"
        await pilot.press("pagedown", "pagedown", "pagedown", "pagedown", "pagedown", "pagedown")
        assert app.view.follows


async def test_long_lines_and_wide_characters_are_wrapped_whole() -> None:
    async with logged(["漢" * 25, "x" * 95], size=(41, 6)) as (app, _pilot):
        assert app.rows() == ["漢" * 20, "漢" * 5, "x" * 41, "x" * 41, "x" * 13, ""]


async def test_markup_is_text() -> None:
    async with logged(["[bold red]not bold[/] [link=x]"]) as (app, _pilot):
        assert app.rows()[0] == "[bold red]not bold[/] [link=x]"


async def test_another_width_keeps_the_line_at_the_top() -> None:
    async with logged([f"{number} " + "x" * 60 for number in range(40)]) as (app, pilot):
        await pilot.press("home", "down", "down", "down", "down")
        assert app.rows()[0].startswith("2 ")
        await pilot.resize_terminal(80, 10)
        await pilot.pause()
        assert app.rows()[0].startswith("2 ")


async def test_without_lines_a_sentence_is_shown() -> None:
    async with logged([]) as (app, pilot):
        assert app.rows()[0] == "nothing printed"
        app.view.set_lines(["first"])
        await pilot.pause()
        assert app.rows()[:2] == ["first", ""]


async def test_only_rows_that_changed_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with logged(["one", "two"]) as (app, _pilot):
        painted: list[object] = []
        monkeypatch.setattr(app.view, "refresh", lambda *regions, **_more: painted.extend(regions))
        app.view.set_lines(["one", "two", "three"])
        assert [(region.y, region.height) for region in painted] == [(2, 1)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        ([], ["a"], 0),
        (["a", "b"], ["a", "b", "c"], 0),
        (["a", "b", "c"], ["b", "c", "d"], 1),
        (["a", "b", "half"], ["b", "half and whole"], 1),
        (["a", "a", "b", "a"], ["a", "b", "a", "x"], 1),
        (["a", "b"], ["x", "y"], 2),
        (["a", "b"], [], 2),
    ],
)
def test_what_fell_out_at_the_beginning_is_found(old: list[str], new: list[str], lost: int) -> None:
    assert forgotten(old, new) == lost


@pytest.mark.parametrize("width", [0, 1, 2, 7, 80])
def test_no_piece_is_wider_than_the_view(width: int) -> None:
    pieces = wrap("a漢b" * 20, width)
    assert "".join(pieces) == "a漢b" * 20
    assert width < 2 or max(map(cell_len, pieces)) <= width
