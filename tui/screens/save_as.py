"""Asks where to save a configuration, and saves it there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Static

if TYPE_CHECKING:
    from trainer.config import Config


class SaveAs(ModalScreen[str | None]):
    """Gives the path of the file that was written, or None; stays open where it could not be."""

    CSS_PATH = "save_as.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back", id="save.back", tooltip="Save nothing.")]

    class Done(Message):
        """What became of saving: `there` where a file of that name exists, else what went wrong, "" for nothing."""

        def __init__(self, path: str, there: bool, problem: str) -> None:
            super().__init__()
            self.path, self.there, self.problem = path, there, problem

    def __init__(self, proposed: str, config: Config) -> None:
        super().__init__()
        self._proposed, self._config = proposed, config

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static("Save this configuration as", id="asked", markup=False)
            yield Input(self._proposed, compact=True, select_on_focus=False)
            yield Static(id="problem", markup=False)
            yield Static("enter saves · esc goes back", id="keys", markup=False)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_changed(self) -> None:
        self.query_one("#problem").display = False

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if path := event.value.strip():
            self._save(path)

    def _save(self, path: str, *, overwrite: bool = False) -> None:
        def save() -> None:
            from tui.draft import save_config

            self.post_message(self.Done(path, *save_config(self._config, Path(path).expanduser(), overwrite=overwrite)))

        self.run_worker(save, thread=True, name="save")

    def on_save_as_done(self, message: Done) -> None:
        from tui.screens.confirm import Confirm

        if message.there:
            question = Confirm(f"Overwrite {message.path}?", "There is such a file. Its text and its comments would be lost.", "overwrite", "keep it")
            self.app.push_screen(question, lambda yes: self._save(message.path, overwrite=True) if yes else None)
        elif message.problem:
            problem = self.query_one("#problem", Static)
            problem.update(message.problem)
            problem.display = True
        else:
            self.dismiss(message.path)
