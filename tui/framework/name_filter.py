"""The line in which names are filtered as they are typed, letter by letter: of the page of all metrics and of the overlay."""

from __future__ import annotations

from textual.message import Message
from textual.widgets import Input


class NameFilter(Input):
    """Hidden, and out of the way of keys, until it is opened; what was typed holds after it is closed."""

    class Typed(Message):
        """Names are wanted that match another text; "" is every name."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Closed(Message):
        """It is out of the way again."""

    def __init__(self) -> None:
        super().__init__(id="typed", compact=True, placeholder="filter by name", disabled=True)
        self._told = ""

    @property
    def is_used(self) -> bool:
        """Whether it is open, or holds something."""
        return self.display or bool(self.value)

    def open(self) -> None:
        self.disabled, self.display = False, True
        self.screen.set_focus(self)

    def close(self, *, clear: bool = False) -> None:
        if clear:
            self.value = ""
        self.disabled, self.display = True, False
        self.post_message(self.Closed())

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        if message.value != self._told:
            self._told = message.value
            self.post_message(self.Typed(message.value))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.close()
