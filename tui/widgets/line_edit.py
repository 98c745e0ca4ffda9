"""One line of text being typed: a caret, the keys of every shell, and what of it fits into a field."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.cells import cell_len

_WORD_LEFT = re.compile(r"\w*\W*$")
_WORD_RIGHT = re.compile(r"\W*\w*")


@dataclass(slots=True)
class LineEdit:
    """`caret` is the index of the character it stands before; `selected` is the whole text, which typing then replaces."""

    text: str = ""
    caret: int = 0
    selected: bool = False

    def press(self, key: str, character: str | None) -> bool:
        """Take a key; whether it was one for a line of text."""
        if character is not None and character.isprintable():
            self.insert(character)
            return True
        act = _KEYS.get(key)
        if act is None:
            return False
        if self.selected and key in _DELETES:
            self.text, self.caret = "", 0
        else:
            act(self)
        self.selected = False
        return True

    def insert(self, text: str) -> None:
        """Put text in at the caret, one line of it."""
        text = "".join(character for character in text.partition("\n")[0] if character.isprintable())
        if self.selected:
            self.text, self.caret, self.selected = "", 0, False
        self.text = self.text[: self.caret] + text + self.text[self.caret :]
        self.caret += len(text)

    def view(self, width: int) -> tuple[str, int]:
        """What is seen in so many cells, and the cell of the caret; the text moves so that the caret is among them."""
        start = 0
        while cell_len(self.text[start : self.caret]) >= width:
            start += 1
        shown = self.text[start:]
        while cell_len(shown) > width:
            shown = shown[:-1]
        return shown, cell_len(self.text[start : self.caret])

    # Keys

    def left(self) -> None:
        self.caret = max(0, self.caret - 1)

    def right(self) -> None:
        self.caret = min(len(self.text), self.caret + 1)

    def home(self) -> None:
        self.caret = 0

    def end(self) -> None:
        self.caret = len(self.text)

    def word_left(self) -> None:
        self.caret = self._word_start()

    def word_right(self) -> None:
        found = _WORD_RIGHT.match(self.text, self.caret)
        self.caret = found.end() if found else len(self.text)

    def backspace(self) -> None:
        self._cut(max(0, self.caret - 1), self.caret)

    def delete(self) -> None:
        self._cut(self.caret, self.caret + 1)

    def delete_word(self) -> None:
        self._cut(self._word_start(), self.caret)

    def delete_to_start(self) -> None:
        self._cut(0, self.caret)

    def delete_to_end(self) -> None:
        self._cut(self.caret, len(self.text))

    def _word_start(self) -> int:
        found = _WORD_LEFT.search(self.text[: self.caret])
        return found.start() if found else 0

    def _cut(self, start: int, end: int) -> None:
        self.text = self.text[:start] + self.text[end:]
        self.caret = start


_KEYS = {
    "left": LineEdit.left,
    "ctrl+b": LineEdit.left,
    "right": LineEdit.right,
    "ctrl+f": LineEdit.right,
    "home": LineEdit.home,
    "ctrl+a": LineEdit.home,
    "end": LineEdit.end,
    "ctrl+e": LineEdit.end,
    "ctrl+left": LineEdit.word_left,
    "ctrl+right": LineEdit.word_right,
    "backspace": LineEdit.backspace,
    "ctrl+h": LineEdit.backspace,
    "delete": LineEdit.delete,
    "ctrl+d": LineEdit.delete,
    "ctrl+w": LineEdit.delete_word,
    "ctrl+backspace": LineEdit.delete_word,
    "ctrl+u": LineEdit.delete_to_start,
    "ctrl+k": LineEdit.delete_to_end,
}
_DELETES = frozenset({"backspace", "ctrl+h", "delete", "ctrl+d", "ctrl+w", "ctrl+backspace", "ctrl+u", "ctrl+k"})
