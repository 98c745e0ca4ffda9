"""Asks for a run's new name."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from trainer.record import RecordError, require_name


class Rename(ModalScreen[str | None]):
    """Gives a name that a run can have, or None."""

    CSS_PATH = "rename.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back", id="rename.back", tooltip="Leave the name.")]

    def __init__(self, name: str) -> None:
        super().__init__()
        self._proposed = name

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(f"Another name for {self._proposed}", id="asked", markup=False)
            yield Input(self._proposed, compact=True, select_on_focus=True)
            yield Static(id="problem", markup=False)
            yield Static("enter keeps it · esc goes back", id="keys", markup=False)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_changed(self) -> None:
        self.query_one("#problem").display = False

    def on_input_submitted(self, event: Input.Submitted) -> None:
        name = event.value.strip()
        try:
            require_name(name)
        except RecordError as error:
            problem = self.query_one("#problem", Static)
            problem.update(str(error))
            problem.display = True
        else:
            self.dismiss(name)
