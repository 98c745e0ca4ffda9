"""Asks for a run's new name."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from gradtop.trainer.record import RecordError, require_name
from gradtop.tui.dialogs.text_prompt import TextPrompt


class Rename(TextPrompt):
    """Gives a name that a run can have, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back", id="rename.back", tooltip="Cancel.")]

    def __init__(self, name: str) -> None:
        super().__init__(f"Rename {name}", name, "enter confirms · esc cancels", selected=True)

    def take(self, text: str) -> None:
        try:
            require_name(text)
        except RecordError as error:
            self.refuse(str(error))
        else:
            self.dismiss(text)
