"""Asks for a trial to enqueue, and for how many trials a search shall do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from gradtop.tui.dialogs.text_prompt import TextPrompt


class EnqueueTrial(TextPrompt):
    """Gives `key=value` pairs of keys that the search has, or None. The search itself checks the values."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back", id="enqueue.back", tooltip="Enqueue nothing.")]

    def __init__(self, proposed: str, parameters: Sequence[str]) -> None:
        super().__init__("Enqueue a trial with (what is left out, the sampler chooses)", proposed, "enter enqueues · esc cancels")
        self._parameters = parameters

    def take(self, text: str) -> None:
        for pair in text.split():
            key, equals, value = pair.partition("=")
            if not equals or not value:
                self.refuse(f"{pair} is not key=value")
                return
            if self._parameters and key not in self._parameters:
                self.refuse(f"{key} is not searched: {', '.join(self._parameters)}")
                return
        if text:
            self.dismiss(text)


class ExtendBudget(TextPrompt):
    """Gives the number of trials as text, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back", id="extend.back", tooltip="Keep the budget.")]

    def __init__(self, budget: int, begun: int) -> None:
        super().__init__("How many trials in all?", f"{budget or begun}", "enter confirms · esc cancels", selected=True)
        self._begun = begun

    def take(self, text: str) -> None:
        if not text.isdigit() or not 1 <= int(text) <= 1_000_000:
            self.refuse("a whole number between 1 and 1 000 000 is expected")
        elif int(text) < self._begun:
            self.refuse(f"{self._begun} trials have begun already")
        else:
            self.dismiss(text)
