"""The line under a list in which a filter is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from gradtop.tui.format import ellipsis
from gradtop.tui.widgets.cells import Cells
from gradtop.tui.widgets.columns import TONE, put

if TYPE_CHECKING:
    from gradtop.tui.widgets.line_edit import LineEdit

ROOM = 40  # cells for what is typed


class FilterLine:
    """`text` filters; `edit` is there while it is typed, and `hint` before anything is. Takes keys in the order in which they come."""

    def __init__(self, hint: str = "") -> None:
        self.text, self.hint = "", hint
        self.edit: LineEdit | None = None

    @property
    def shown(self) -> bool:
        return self.edit is not None or bool(self.text)

    def open(self) -> None:
        """Type a filter; the one that is there is selected, so that typing replaces it."""
        from gradtop.tui.widgets.line_edit import LineEdit

        self.edit = LineEdit(self.text, len(self.text), selected=bool(self.text))

    def keep(self) -> None:
        self.edit = None

    def clear(self) -> None:
        self.text, self.edit = "", None

    def press(self, key: str, character: str | None) -> bool:
        """Take a key; whether it was one of the filter's."""
        if self.edit is None:
            if key != "escape" or not self.text:
                return False
            self.clear()
        elif key in {"enter", "tab", "shift+tab"}:
            self.keep()
        elif key == "escape":
            self.clear()
        elif self.edit.press(key, character):
            self.text = self.edit.text
        else:
            return False
        return True

    def paste(self, text: str) -> None:
        if self.edit is not None:
            self.edit.insert(text)
            self.text = self.edit.text

    def draw(self, width: int, count: str, problem: str = "") -> Cells:
        """The line: what is typed, and on the right how many rows match, or what is wrong with it."""
        row = Cells(width)
        count = ellipsis(problem, max(0, width - ROOM - 6)) or count
        put(row, width - 1 - cell_len(count), cell_len(count), [(count, "warning" if problem else "muted")])
        put(row, 1, 1, [("/", "primary")])
        room = max(1, min(ROOM, width - 6 - cell_len(count)))
        if self.edit is None:
            put(row, 3, room, [(self.text, "strong")])
            return row
        text, caret = self.edit.view(room)
        put(row, 3, room, [(" " * room, "typing")])
        put(row, 3, room, [(text, "typing")])
        selected = cell_len(text) if self.edit.selected else 0
        row.paint(3, 3 + selected, TONE["caret"])
        if not text:
            put(row, 4, room - 1, [(self.hint, "hint")])
        row.paint(3 + caret, 4 + caret, TONE["caret"])
        return row
