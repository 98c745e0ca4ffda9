"""Asks for the tags and the note of a run, and for how many seeds of it to start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from gradtop.trainer.record import RecordError, require_note, require_tags
from gradtop.tui.dialogs.text_prompt import TextPrompt

MOST_SEEDS = 1000
USUAL_SEEDS = 5


class Tags(TextPrompt):
    """Gives tags separated by spaces, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back", id="tags.back", tooltip="Cancel.")]

    def __init__(self, name: str, tags: Sequence[str]) -> None:
        super().__init__(f"Tags of {name}", " ".join(tags), "separated by spaces · enter confirms · esc cancels")

    def take(self, text: str) -> None:
        try:
            self.dismiss(" ".join(require_tags(text.split())))
        except RecordError as error:
            self.refuse(str(error))


class Note(TextPrompt):
    """Gives a note, "" to remove it, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back", id="note.back", tooltip="Cancel.")]

    def __init__(self, name: str, note: str) -> None:
        super().__init__(f"Note on {name}", note, "empty removes it · enter confirms · esc cancels")

    def take(self, text: str) -> None:
        try:
            self.dismiss(require_note(text))
        except RecordError as error:
            self.refuse(str(error))


class Seeds(TextPrompt):
    """Gives a number of seeds, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back", id="seeds.back", tooltip="Cancel.")]

    def __init__(self, name: str) -> None:
        super().__init__(f"How many more seeds of {name}? They are queued.", str(USUAL_SEEDS), "enter queues them · esc cancels", selected=True)

    def take(self, text: str) -> None:
        if text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MOST_SEEDS:
            self.dismiss(text)
        else:
            self.refuse(f"A number from 1 to {MOST_SEEDS}.")
