"""Which weights a fork of the form's configuration keeps, asked while somebody reads what will change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from textual.message import Message

if TYPE_CHECKING:
    from pathlib import Path

    from textual.screen import Screen
    from textual.timer import Timer

    from gradtop.trainer.config import Config
    from gradtop.trainer.launch.fork_weights import ForkWeights
    from gradtop.trainer.record import CheckpointInfo
    from gradtop.tui.app import GradtopApp
    from gradtop.tui.screens.tune.texts import FormTexts

DEBOUNCE = 0.25


class WeightsQuery:
    """For one screen, which gets a `Compared` once an answer is there; only that to the newest question is taken."""

    class Compared(Message):
        """The answer to one question."""

        def __init__(self, question: tuple[Config, Path], found: ForkWeights) -> None:
            super().__init__()
            self.question, self.found = question, found

    def __init__(self, screen: Screen[Any]) -> None:
        self._screen = screen
        self._question: tuple[Config, Path] | None = None
        self._found: ForkWeights | None = None
        self._soon: Timer | None = None

    def ask(self, draft: FormTexts, checkpoint: CheckpointInfo | None) -> None:
        """Ask once nothing was typed for a moment, where configurations alone do not tell."""
        if draft.configs is None or checkpoint is None or _fits_surely(*draft.configs):
            self._question = self._found = None
            return
        config = draft.configs[1]
        # The checkpoints that one run has written are of one model.
        question = (config, checkpoint.path.parent)
        if question == self._question:
            return
        self._question, self._found = question, None
        if self._soon is not None:
            self._soon.stop()
        self._soon = self._screen.set_timer(DEBOUNCE, lambda: self._compare(question, checkpoint.path))

    def _compare(self, question: tuple[Config, Path], checkpoint: Path) -> None:
        launcher = cast("GradtopApp", self._screen.app).launcher

        def compare() -> None:
            if question is self._question:
                self._screen.post_message(self.Compared(question, launcher.fork_weights(question[0], checkpoint)))

        self._screen.run_worker(compare, thread=True, name="weights")

    def take(self, message: Compared) -> bool:
        """Whether it answers the newest question."""
        if message.question is not self._question:
            return False
        self._found = message.found
        return True

    def known(self, draft: FormTexts) -> ForkWeights | None:
        """The answer for what the form has now; None where there is none yet, or none is needed."""
        return self._found if self._question is not None and draft.config == self._question[0] else None


def _fits_surely(base: Config, config: Config) -> bool:
    from gradtop.trainer.config.fork_preview import fits_surely

    return fits_surely(base, config)
