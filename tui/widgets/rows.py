"""Which rows a list has, where its cursor stands, and which rows are in view. No widget here."""

from __future__ import annotations

from collections.abc import Sequence


class RowCursor:
    """Rows by their keys; `cursor` and `top` (the first row in view) are indexes, `page` is how many rows are in view.

    The cursor stays on its key when rows come, go or are sorted, and on its line of the screen. Where its row is gone it
    stands on the nearest one, and goes back when the row comes back.
    """

    def __init__(self) -> None:
        self.keys: Sequence[str] = ()
        self.cursor = self.top = 0
        self._page = 1
        self._places: dict[str, int] = {}
        self._wanted = ""

    @property
    def key(self) -> str:
        """The key under the cursor; "" where there are no rows."""
        return self.keys[self.cursor] if self.keys else ""

    @property
    def page(self) -> int:
        return self._page

    @page.setter
    def page(self, rows: int) -> None:
        """Another height: the cursor stays in view if it was."""
        seen = 0 <= self.cursor - self.top < self._page
        self._page = max(1, rows)
        self.reveal() if seen else self.scroll(self.top)

    def set(self, keys: Sequence[str]) -> None:
        if keys is self.keys or list(keys) == list(self.keys):
            return
        old, line = self.keys, self.cursor - self.top
        self.keys = tuple(keys)
        self._places = {key: index for index, key in enumerate(self.keys)}
        self.cursor = self._find(old)
        self.scroll(self.cursor - line if 0 <= line < self.page else self.top)

    def _find(self, old: Sequence[str]) -> int:
        """Where the cursor belongs: on the key wanted, else on the nearest of those that stood around it, else on the same line."""
        if not self.keys:
            return 0
        if self._wanted in self._places:
            return self._places[self._wanted]
        around = (*old[self.cursor :], *reversed(old[: self.cursor]))
        near = next((self._places[key] for key in around if key in self._places), self.cursor)
        return min(near, len(self.keys) - 1)

    def go(self, key: str) -> None:
        """Put the cursor on a key, now or as soon as there is one."""
        self._wanted = key
        if key in self._places:
            self.cursor = self._places[key]
            self.reveal()

    def move(self, index: int) -> None:
        """Put the cursor on a row, the nearest there is."""
        if self.keys:
            self.go(self.keys[max(0, min(len(self.keys) - 1, index))])

    def reveal(self) -> None:
        """Scroll as little as brings the cursor into view."""
        self.scroll(max(self.cursor - self.page + 1, min(self.top, self.cursor)))

    def scroll(self, top: int) -> None:
        self.top = max(0, min(top, len(self.keys) - self.page))

    @property
    def view(self) -> range:
        """The indexes of the rows in view."""
        return range(self.top, min(self.top + self.page, len(self.keys)))

    # The bar at the side

    @property
    def overflows(self) -> bool:
        return len(self.keys) > self.page

    def thumb(self) -> range:
        """Which of the lines in view the bar's thumb covers."""
        size = self._thumb
        start = round(self.top / max(1, len(self.keys) - self.page) * (self.page - size))
        return range(start, start + size)

    @property
    def _thumb(self) -> int:
        """How many lines the thumb is long."""
        return max(1, min(self.page, self.page * self.page // max(1, len(self.keys))))

    def drag(self, line: int) -> None:
        """Scroll so that the middle of the thumb is on this line."""
        size = self._thumb
        self.scroll(round((line - (size - 1) / 2) / max(1, self.page - size) * (len(self.keys) - self.page)))
