"""What Tune asks of searches: to start one on what the form has, and to enqueue that as a trial of the one it stands over."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding, BindingType

from gradtop.trainer.job import find_job
from gradtop.tui.dialogs.text_prompt import TextPrompt

if TYPE_CHECKING:
    from gradtop.trainer.config import Config
    from gradtop.tui.screens.tune.screen import Tune

JOB = "search"


class StartSearch(TextPrompt):
    """Gives a space that can be searched over the configuration, and settings of the search, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back", id="start_search.back", tooltip="Start no search.")]

    def __init__(self, config: Config) -> None:
        lr = config.optimizer.lr
        super().__init__(
            "Search: a TOML file, or keys with log(low, high), float(), int(), choice(); and settings",
            f"optimizer.lr=log({lr / 10:.1g}, {lr * 10:.1g}); trials=20; workers=1",
            "; separates · enter starts · esc cancels",
        )
        self._config = config

    def take(self, text: str) -> None:
        from gradtop.trainer.config import ConfigProblems, apply_overrides
        from gradtop.trainer.jobs.search.written import overrides_of
        from gradtop.trainer.trials.space import NotASpace

        try:
            apply_overrides(self._config, overrides_of(text), job=JOB)
        except ConfigProblems as wrong:
            first = wrong.problems[0]
            self.refuse(f"{first.key.removeprefix('search.').removeprefix('space.')} {first.explanation}")
        except NotASpace as wrong:
            self.refuse(str(wrong))
        else:
            self.dismiss(text)


class SearchActions:
    """For the screen of Tune."""

    def action_start_search(self) -> None:
        """Ask for the space, and search it over what the form has; the screen shows the search."""
        screen = cast("Tune", self)
        screen.form.leave()
        draft = screen.draft
        if draft is None or draft.config is None:
            return

        def start(text: str | None) -> None:
            from gradtop.trainer.jobs.search.written import overrides_of

            if text is not None:
                screen.starter.start_job(screen.gradtop, find_job(JOB), draft, screen.base, overrides_of(text))

        screen.app.push_screen(StartSearch(draft.config), start)

    def action_enqueue_trial(self) -> None:
        """Have the search that the form stands over train a trial with these values of its space."""
        screen = cast("Tune", self)
        screen.form.leave()
        draft, base = screen.draft, screen.base
        if draft is None or draft.config is None or base.search is None:
            return
        if other := [change.key for change in draft.changes() if not any(f".{change.key}".endswith(f".{key}") for key in base.searched)]:
            screen.notify(f"the search has no {other[0]}: only keys of its space can differ ({', '.join(base.searched)})", title="no trial", severity="error")
            return
        asked = partial(screen.gradtop.launcher.ask_search, base.search, "add_trial", {"params": draft.values_of(base.searched)})
        screen.gradtop.launch(asked, "a trial was added to the search", watch=False)
