"""Asks for a trial to enqueue, and for how many trials a search shall do."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from gradtop.tui.dialogs.text_prompt import TextPrompt

MOST = 1_000_000  # trials


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
    """Gives the number of further trials as text, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back", id="extend.back", tooltip="Keep the budget.")]

    def __init__(self, budget: int) -> None:
        super().__init__(f"How many trials more{f' than {budget}' if budget else ''}?", "20", "enter confirms · esc cancels", selected=True)

    def take(self, text: str) -> None:
        if not text.isdecimal() or not 1 <= int(text) <= MOST:
            self.refuse(f"a whole number from 1 to {MOST} is expected")
        else:
            self.dismiss(text)


def typed_values(pairs: str) -> dict[str, float | int | bool | str]:
    """Values by key: numbers and truth values as such, all else as text."""
    return {key: typed_value(value) for key, _, value in (pair.partition("=") for pair in pairs.split())}


def typed_value(text: str) -> float | int | bool | str:
    if text in {"true", "false"}:
        return text == "true"
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text
