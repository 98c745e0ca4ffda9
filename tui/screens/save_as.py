"""Asks where to save."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class SaveAs(ModalScreen[str | None]):
    """Gives the path that was typed, or None."""

    CSS_PATH = "save_as.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back", id="save.back", tooltip="Save nothing.")]

    def __init__(self, proposed: str) -> None:
        super().__init__()
        self._proposed = proposed

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static("Save this configuration as", id="asked", markup=False)
            yield Input(self._proposed, compact=True, select_on_focus=False)
            yield Static("enter saves · esc goes back", id="keys", markup=False)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if path := event.value.strip():
            self.dismiss(path)
