"""Lines of text that come at the end: wrapped, followed while the end is seen, and still while somebody reads further up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, chop_cells
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from gradtop.tui.widgets.cells import Cells, repaint

WHEEL = 3  # rows


class LogView(Widget, can_focus=True, inherit_bindings=False):
    """Shows lines as they are, never as markup; only cells that changed are painted again."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--text", "log--muted"}
    DEFAULT_CSS = """
    LogView {
        width: 1fr; height: 1fr; color: $foreground;
        & > .log--text { color: $foreground; }
        & > .log--muted { color: $muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_rows(-1)", "up", id="log.up", tooltip="One line up.", show=False),
        Binding("down,j", "scroll_rows(1)", "down", id="log.down", tooltip="One line down.", show=False),
        Binding("pageup", "scroll_pages(-1)", "page up", id="log.pageup", tooltip="One page up.", show=False),
        Binding("pagedown,space", "scroll_pages(1)", "page down", id="log.pagedown", tooltip="One page down.", show=False),
        Binding("ctrl+d", "scroll_half_pages(1)", "half page down", id="log.halfdown", tooltip="Half a page down.", show=False),
        Binding("ctrl+u", "scroll_half_pages(-1)", "half page up", id="log.halfup", tooltip="Half a page up.", show=False),
        Binding("home,g", "scroll_to_start", "start", id="log.home", tooltip="The first line there is.", show=False),
        Binding("end,G", "follow", "end", id="log.end", tooltip="The last line, and those that come.", show=False),
    ]

    class Scrolled(Message):
        """Other rows are in view, or there are others; carries state, so the newest replaces those not yet handled."""

        def __init__(self, view: LogView) -> None:
            super().__init__()
            self.view = view

        @property
        def control(self) -> LogView:
            return self.view

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, LogView.Scrolled) and message.view is self.view

    def __init__(self, *, empty: str = "nothing yet", id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._empty = empty
        self._lines: tuple[str, ...] = ()
        self._wrapped: list[list[str]] = []
        self._rows: list[str] = []
        self._top = 0
        self._width = 0
        self.follows = True
        self._drawn: list[Cells] = []

    @property
    def below(self) -> int:
        """How many rows lie below what is seen."""
        return max(0, len(self._rows) - self._top - self.size.height)

    def set_lines(self, lines: Sequence[str]) -> None:
        """Show these lines. Where the end is not followed, what is being read stays where it is, unless it fell out."""
        new = tuple(lines)
        if new == self._lines:
            return
        dropped = forgotten(self._lines, new)
        if not self.follows:
            self._top -= sum(map(len, self._wrapped[:dropped]))
        kept = list(zip(self._lines[dropped:], self._wrapped[dropped:], strict=True))
        self._lines = new
        self._wrapped = [
            kept[place][1] if place < len(kept) and kept[place][0] == line else wrap(line, self._width)
            for place, line in enumerate(new)
        ]
        self._flow()

    def _flow(self) -> None:
        self._rows = [row for rows in self._wrapped for row in rows]
        self._scroll(len(self._rows) if self.follows else self._top)

    def _scroll(self, top: int) -> None:
        most = max(0, len(self._rows) - self.size.height)
        self._top = max(0, min(top, most))
        self._draw()
        self.post_message(self.Scrolled(self))

    # Moving

    def _move(self, rows: int) -> None:
        top = self._top + rows
        self.follows = top >= len(self._rows) - self.size.height
        self._scroll(top)

    def action_scroll_rows(self, rows: int) -> None:
        self._move(rows)

    def action_scroll_pages(self, pages: int) -> None:
        self._move(pages * max(1, self.size.height - 1))

    def action_scroll_half_pages(self, pages: int) -> None:
        self._move(pages * max(1, self.size.height // 2))

    def action_scroll_to_start(self) -> None:
        self._move(-len(self._rows))

    def action_follow(self) -> None:
        self._move(len(self._rows))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._move(-WHEEL)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._move(WHEEL)

    # Drawing

    def on_resize(self) -> None:
        if self.size.width != self._width:
            self._width = self.size.width
            line = self._line_at(self._top)
            self._wrapped = [wrap(text, self._width) for text in self._lines]
            self._top = sum(map(len, self._wrapped[:line]))
        self._flow()

    def _line_at(self, row: int) -> int:
        """The line that a row is of."""
        for number, rows in enumerate(self._wrapped):
            row -= len(rows)
            if row < 0:
                return number
        return len(self._wrapped)

    def _draw(self) -> None:
        width, height = self.size
        if not width or not height:
            return
        rows = []
        for text in self._rows[self._top : self._top + height] or [self._empty]:
            row = Cells(width)
            row.put(0, text, 0 if self._rows else 1)
            rows.append(row)
        rows += (Cells(width) for _ in range(height - len(rows)))
        old, self._drawn = self._drawn, rows
        repaint(self, old, rows)

    def render_line(self, y: int) -> Strip:
        if y >= len(self._drawn):
            return Strip.blank(self.size.width, self.rich_style)
        return self._drawn[y].strip([self.get_component_rich_style("log--text"), self.get_component_rich_style("log--muted")])


def wrap(line: str, width: int) -> list[str]:
    """A line in pieces of so many cells; no wide character is cut in half."""
    if width <= 1 or cell_len(line) <= width:
        return [line]
    return chop_cells(line, width) or [""]


def forgotten(old: Sequence[str], new: Sequence[str]) -> int:
    """How many of the old lines no longer stand at the beginning: those before the longest end that the new ones begin with."""
    if not new:
        return len(old)
    for start, line in enumerate(old):
        if line == new[0]:
            rest = len(old) - start
            # The last line may have grown since.
            if rest <= len(new) and tuple(old[start:-1]) == tuple(new[: rest - 1]):
                return start
    return len(old)
