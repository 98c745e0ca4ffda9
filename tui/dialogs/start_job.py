"""The question how Tune is to start a job: one line of settings and distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from gradtop.tui.dialogs.text_prompt import TextPrompt

if TYPE_CHECKING:
    from gradtop.trainer.config import Config


class StartJob(TextPrompt):
    """Gives the line that was accepted, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back", id="start_job.back", tooltip="Start nothing.")]
    job: ClassVar[str] = ""

    def __init__(self, config: Config, question: str, proposed: str) -> None:
        super().__init__(question, proposed, "; separates · enter starts · esc cancels")
        self._config = config

    def overrides_of(self, text: str) -> Sequence[str]:
        """Those of the configuration that the line means. Raises NotASpace."""
        raise NotImplementedError

    def describe(self, config: Config) -> str:  # noqa: ARG002 - a question may have nothing to say
        """What the job would do with this configuration."""
        return ""

    def consequence(self, text: str) -> str:
        found = self._checked(text)
        return "" if isinstance(found, str) else self.describe(found)

    def take(self, text: str) -> None:
        found = self._checked(text)
        if isinstance(found, str):
            self.refuse(found)
        else:
            self.dismiss(text)

    def _checked(self, text: str) -> Config | str:
        """The configuration of the job, or what is wrong with the line."""
        from gradtop.trainer.config import ConfigProblems, apply_overrides
        from gradtop.trainer.trials.space import NotASpace

        try:
            return apply_overrides(self._config, self.overrides_of(text), job=self.job)
        except ConfigProblems as wrong:
            first = wrong.problems[0]
            within = first.key.removeprefix(f"{self.job}.").removeprefix("space.").removeprefix("vary.")
            return f"{within} {first.explanation}"
        except NotASpace as wrong:
            return str(wrong)
