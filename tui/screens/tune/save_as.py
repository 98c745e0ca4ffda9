"""Asks where to save a configuration, and saves it there."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from gradtop.trainer.home import at_home
from gradtop.tui.dialogs.text_prompt import TextPrompt

if TYPE_CHECKING:
    from gradtop.trainer.config import Config


class SaveAs(TextPrompt):
    """Gives the path of the file that was written, or None; stays open where it could not be."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back", id="save.back", tooltip="Save nothing.")]

    class Done(Message):
        """What became of saving: `there` where a file of that name exists, else what went wrong, "" for nothing."""

        def __init__(self, path: str, there: bool, problem: str) -> None:
            super().__init__()
            self.path, self.there, self.problem = path, there, problem

    def __init__(self, proposed: str, config: Config) -> None:
        super().__init__("Save this configuration as", proposed, "enter saves · esc cancels")
        self._config = config

    def take(self, text: str) -> None:
        if text:
            self._save(text)

    def _save(self, path: str, *, overwrite: bool = False) -> None:
        def save() -> None:
            from gradtop.tui.screens.tune.draft import save_config

            self.post_message(self.Done(path, *save_config(self._config, at_home(path), overwrite=overwrite)))

        self.run_worker(save, thread=True, name="save")

    def on_save_as_done(self, message: Done) -> None:
        from gradtop.tui.dialogs.confirm import Confirm

        if message.there:
            question = Confirm(f"Overwrite {message.path}?", "The file exists. Its content and comments would be lost.", "overwrite", "keep")
            self.app.push_screen(question, lambda yes: self._save(message.path, overwrite=True) if yes else None)
        elif message.problem:
            self.refuse(message.problem)
        else:
            self.dismiss(message.path)
