"""The keys that act here, from the one table."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui import keys


class Help(ModalScreen[None]):
    """Shows the keys of one mode: its own first."""

    CSS_PATH = "help.tcss"
    AUTO_FOCUS = "#keys"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", "close", id="help.close", tooltip="Close the help."),
    ]

    def __init__(self, mode: str) -> None:
        super().__init__()
        self._mode = mode

    def compose(self) -> ComposeResult:
        mode = keys.mode_named(self._mode)
        with VerticalScroll(id="keys") as box:
            box.border_title = f"keys in {mode.number} {mode.title}"
            box.border_subtitle = "esc closes"
            yield Static(mode.help, id="about", markup=False)
            for title, rows in keys.groups(self._mode):
                yield Static(title, classes="title", markup=False)
                yield Static(self._table(rows), classes="rows")

    def _table(self, rows: list[keys.Key]) -> Text:
        """Two columns; the key's colour comes from the theme."""
        colour = self.app.theme_variables["primary"]
        text = Text()
        for index, row in enumerate(rows):
            text.append(f"{row.name:>12}  ", style=f"bold {colour}")
            text.append(row.help + ("\n" if index < len(rows) - 1 else ""))
        return text
