"""A dialog for one line of text; a problem with the text is shown below it."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from gradtop.tui.framework.dialog import Dialog


class TextPrompt(Dialog[str | None]):
    """Returns the text once `take` accepts it, or None. Subclasses bind escape."""

    CSS_PATH = Path(__file__).with_name("text_prompt.tcss")  # also for a subclass in another folder

    def __init__(self, question: str, proposed: str, keys: str, *, selected: bool = False) -> None:
        super().__init__()
        self._question, self._proposed, self._keys, self._selected = question, proposed, keys, selected

    def propose(self, text: str) -> None:
        """Begin with another text."""
        self._proposed = text

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(self._question, id="question", markup=False)
            yield Input(self._proposed, compact=True, select_on_focus=self._selected)
            yield Static(id="problem", markup=False)
            yield Static(id="consequence", markup=False)
            yield Static(self._keys, id="keys", markup=False)

    def take(self, text: str) -> None:
        """Dismiss with the text, or refuse it."""
        raise NotImplementedError

    def consequence(self, text: str) -> str:  # noqa: ARG002 - most have none to tell
        """What the text would lead to, said below it while it is written; "" where there is nothing to say."""
        return ""

    def refuse(self, problem: str) -> None:
        label = self.query_one("#problem", Static)
        label.update(problem)
        label.display = True

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self._tell(self._proposed)

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#problem").display = False
        self._tell(event.value)

    def _tell(self, text: str) -> None:
        label, told = self.query_one("#consequence", Static), self.consequence(text.strip())
        label.update(told)
        label.display = bool(told)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.take(event.value.strip())
