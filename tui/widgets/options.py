"""Textual's list of options and its scrolled pane, with the keys that every other list here has."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import OptionList

move_page, click = OptionList._move_page, OptionList._on_click  # noqa: SLF001


def move_page_of_lines(options: OptionList, direction: int) -> None:
    """Textual's own (8.2) fails in a list that was not laid out yet, or has no room for a line."""
    if options._lines:  # noqa: SLF001
        move_page(options, direction)  # type: ignore[arg-type]  # -1 or 1


async def click_on_what_is_there(options: OptionList, event: events.Click) -> None:
    """Textual's own (8.2) fails where the option that was clicked on has just gone, as what was typed before it leaves fewer of them."""
    if (event.style.meta.get("option") or 0) < options.option_count:
        await click(options, event)


OptionList._on_click = click_on_what_is_there  # type: ignore[method-assign,assignment]  # noqa: SLF001
OptionList._move_page = move_page_of_lines  # type: ignore[method-assign,assignment]  # noqa: SLF001


class Options(OptionList):
    """A list of options that `j k g G ctrl+d ctrl+u` move in too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "down", id="options.down", show=False, tooltip="Next."),
        Binding("k", "cursor_up", "up", id="options.up", show=False, tooltip="Previous."),
        Binding("g", "first", "first", id="options.first", show=False, tooltip="First."),
        Binding("G", "last", "last", id="options.last", show=False, tooltip="Last."),
        Binding("ctrl+d", "page_down", "page down", id="options.pagedown", show=False, tooltip="One page down."),
        Binding("ctrl+u", "page_up", "page up", id="options.pageup", show=False, tooltip="One page up."),
    ]


class Scrolled(VerticalScroll):
    """A pane that `j k g G ctrl+d ctrl+u` scroll too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_rows(1)", "down", id="scrolled.down", show=False, tooltip="One line down."),
        Binding("up,k", "scroll_rows(-1)", "up", id="scrolled.up", show=False, tooltip="One line up."),
        Binding("pagedown", "page_down", "page down", id="scrolled.pagedown", show=False, tooltip="One page down."),
        Binding("pageup", "page_up", "page up", id="scrolled.pageup", show=False, tooltip="One page up."),
        Binding("ctrl+d", "scroll_half_pages(1)", "half page down", id="scrolled.halfdown", show=False, tooltip="Half a page down."),
        Binding("ctrl+u", "scroll_half_pages(-1)", "half page up", id="scrolled.halfup", show=False, tooltip="Half a page up."),
        Binding("g", "scroll_home", "start", id="scrolled.home", show=False, tooltip="The first line."),
        Binding("G", "scroll_end", "end", id="scrolled.end", show=False, tooltip="The last line."),
    ]

    def action_scroll_rows(self, rows: int) -> None:
        self.scroll_relative(y=rows, animate=False)

    def action_scroll_half_pages(self, pages: int) -> None:
        self.scroll_relative(y=pages * max(1, self.size.height // 2), animate=False)
