"""A question with two answers; the harmless one is the default."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from gradtop.tui import keys
from gradtop.tui.framework.dialog import Dialog
from gradtop.tui.framework.mode_screen import bound


class Confirm(Dialog[bool]):
    """Asks; gives True for `y` or the button that says so, False for anything that means no."""

    CSS_PATH = "confirm.tcss"
    AUTO_FOCUS = "#no"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound([keys.HELP]),
        Binding("y", "answer(True)", "yes", id="confirm.yes", tooltip="Confirm."),
        Binding("n,escape,q", "answer(False)", "no", id="confirm.no", tooltip="Cancel."),
        Binding("left,right,tab,shift+tab", "app.focus_next", "other", id="confirm.other", tooltip="Move to the other button.", show=False),
    ]

    def __init__(self, question: str, consequence: str, yes: str, no: str = "no") -> None:
        super().__init__()
        self._question, self._consequence, self._yes, self._no = question, consequence, yes, no

    def compose(self) -> ComposeResult:
        with Vertical(id="question"):
            yield Static(self._question, id="title", markup=False)
            yield Static(self._consequence, id="consequence", markup=False)
            with Horizontal(id="answers"):
                yield Button(f"y  {self._yes}", id="yes", compact=True)
                yield Button(f"n  {self._no}", id="no", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
