"""A short list to choose from, opened beside the field that it is for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Offset
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from gradtop.tui import keys
from gradtop.tui.framework.dialog import Dialog
from gradtop.tui.framework.mode_screen import bound
from gradtop.tui.widgets.options import Options


class Choose(Dialog[str | None]):
    """Gives the chosen word, or None when left by escape or a click beside it."""

    CSS_PATH = "choose.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound([keys.HELP]),
        Binding("escape,q,left,h", "dismiss(None)", "back", id="choose.back", tooltip="Close without a change."),
    ]

    def __init__(self, title: str, words: Sequence[str], chosen: str, at: Offset) -> None:
        super().__init__()
        self._title, self._words, self._chosen, self._at = title, words, chosen, at

    def compose(self) -> ComposeResult:
        options = Options(*(Option(Content(word), id=word) for word in self._words), compact=True)
        options.border_title = self._title
        yield options

    def on_mount(self) -> None:
        options = self.query_one(Options)
        options.highlighted = self._words.index(self._chosen) if self._chosen in self._words else 0
        width, height = max(map(len, (*self._words, self._title))) + 6, len(self._words) + 2
        options.styles.width, options.styles.height = width, min(height, self.size.height)
        # On the field itself, moved so that all of it is on the screen.
        x, y = self._at.x, self._at.y - 1 - (options.highlighted or 0)
        options.styles.offset = (max(0, min(x, self.size.width - width)), max(0, min(y, self.size.height - height)))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            self.dismiss(None)
