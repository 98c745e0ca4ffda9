"""What stands on a terminal after what a program wrote to it: as much of a terminal as Textual's output needs."""

from __future__ import annotations

import re

from rich.cells import cell_len

# A place to go to, a column of the line, a sequence that moves nothing, an end of line, or text.
PARTS = re.compile("\x1b\\[(\\d*);?(\\d*)H|\x1b\\[(\\d*)G|\x1b\\[[0-9;:?<=>$ ]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|\x1b[P_^][^\x1b]*\x1b\\\\|\x1b.|([\r\n\b\t\x07])|([^\x1b\r\n\b\t\x07]+)", re.DOTALL)
WHOLE = re.compile("\x1b(?:\\[[0-9;:?<=>$ ]*|\\][^\x07\x1b]*\x1b?|[P_^][^\x1b]*\x1b?)?$")  # a sequence whose end has not come yet


class Glass:
    """A grid of characters without their colours."""

    def __init__(self, columns: int, rows: int) -> None:
        self._columns, self._rows = columns, rows
        self._cells = [[" "] * columns for _ in range(rows)]
        self._row = self._column = 0
        self._rest = ""

    def take(self, text: str) -> None:
        text = self._rest + text
        unfinished = WHOLE.search(text)
        self._rest = text[unfinished.start() :] if unfinished else ""
        for part in PARTS.finditer(text[: unfinished.start()] if unfinished else text):
            row, column, along, control, words = part.groups()
            if along is not None:
                self._column = min(int(along or 1), self._columns) - 1
            elif row is not None:
                self._row, self._column = min(int(row or 1), self._rows) - 1, min(int(column or 1), self._columns) - 1
            elif control == "\r":
                self._column = 0
            elif control == "\n":
                self._row = min(self._row + 1, self._rows - 1)
            elif words is not None:
                self._write(words)

    def _write(self, words: str) -> None:
        cells = self._cells[self._row]
        for character in words:
            if self._column < self._columns:
                cells[self._column] = character
            self._column += cell_len(character)

    @property
    def text(self) -> str:
        return "\n".join("".join(row) for row in self._cells)
