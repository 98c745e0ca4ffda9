"""The line in which names are filtered as they are typed, letter by letter: of the page of all metrics and of the overlay."""

from __future__ import annotations

from textual.widgets import Input


class NameFilter(Input):
    """Hidden, and out of the way of keys, until it is opened; what was typed holds after it is closed."""

    def __init__(self) -> None:
        super().__init__(id="typed", compact=True, placeholder="filter by name", disabled=True)

    def open(self) -> None:
        self.disabled, self.display = False, True
        self.screen.set_focus(self)

    def close(self, *, clear: bool = False) -> None:
        if clear:
            self.value = ""
        self.disabled, self.display = True, False
