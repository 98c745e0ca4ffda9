"""What can be done with the form: start, fork, apply, save, and add a trial to a search."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gradtop.trainer.analysis.live_change import NO_CONSEQUENCES, LiveConsequences
from gradtop.trainer.job import find_job
from gradtop.trainer.record import CheckpointInfo, RunState
from gradtop.tui.framework.mode_screen import ModeScreen
from gradtop.tui.reading.lr_preview import NO_CURVES
from gradtop.tui.screens.tune.data import TunePart
from gradtop.tui.screens.tune.draft_loader import DraftLoader
from gradtop.tui.screens.tune.effect import Way, at_once, at_once_text, way_of
from gradtop.tui.screens.tune.form import Form
from gradtop.tui.screens.tune.starting import Starter
from gradtop.tui.screens.tune.weights import WeightsQuery

if TYPE_CHECKING:
    from gradtop.tui.screens.tune.draft import Draft
    from gradtop.tui.screens.tune.texts import FormTexts


class FormActions(ModeScreen):
    """A form, what it is over, and what becomes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.loader = DraftLoader(self)
        self.weights = WeightsQuery(self)
        self.starter = Starter()

    @property
    def form(self) -> Form:
        return self.query_one("#form", Form)

    @property
    def draft(self) -> FormTexts | None:
        return self.form.draft

    def ready(self) -> Draft | None:
        """The form as a draft: somebody types, starts or saves."""
        return self.loader.ready()

    @property
    def base(self) -> TunePart:
        """What the draft changes."""
        return self.loader.base

    @property
    def live(self) -> bool:
        """Whether the draft is over a run that takes changes now."""
        facts = self.snapshot.facts
        return facts.state in {RunState.TRAINING, RunState.PAUSED} and find_job(facts.meta.job).tunable and not self.loader.stale

    @property
    def forks(self) -> bool:
        """Whether a fork can continue from what the base has, or will have once somebody asks it for a checkpoint."""
        facts = self.snapshot.facts
        return bool(self.base.checkpoints) or (facts.alive and find_job(facts.meta.job).trains and not self.loader.stale)

    @property
    def at_once(self) -> LiveConsequences:
        """What applying the draft live does to the run beside the changes themselves."""
        drafted = self.gradtop.drafted
        curves = drafted if drafted.run == self.base.run else NO_CURVES
        return at_once(self.draft, self.snapshot.facts.status, curves) if self.draft is not None and self.live else NO_CONSEQUENCES

    @property
    def way(self) -> Way:
        """How ctrl+s would begin."""
        draft = self.draft
        if draft is None:
            return Way()
        return way_of(draft, self.base.checkpoints, has_run=self.base.run is not None, weights=self.weights.known(draft))

    def action_start(self) -> None:
        """Start a new run by the least costly way; the screen follows it."""
        self.form.leave()
        self._start(self.way.checkpoint)

    def action_start_next(self) -> None:
        """The same, in line; the screen stays with what trains."""
        self.form.leave()
        self._start(self.way.checkpoint, queue=True)

    def action_restart(self) -> None:
        self.form.leave()
        self._start(None)

    def action_fork(self) -> None:
        """Choose a checkpoint to go on from."""
        from gradtop.tui.screens.tune.fork_dialogs import ChooseCheckpoint

        self.form.leave()
        draft, base = self.ready(), self.base
        if draft is None or draft.config is None or not base.checkpoints:
            return

        def fork(checkpoint: CheckpointInfo | None) -> None:
            if checkpoint is not None:
                self._start(checkpoint)

        self.app.push_screen(ChooseCheckpoint(base.name, base.checkpoints, draft), fork)

    def _start(self, checkpoint: CheckpointInfo | None, *, queue: bool = False) -> None:
        if (draft := self.ready()) is not None:
            self.starter.start(self.gradtop, draft, self.base, checkpoint, queue=queue)

    def action_start_job(self, name: str) -> None:
        """Start another job than training on what the form has, after its questions where it has some; the screen shows it."""
        self.form.leave()
        if (draft := self.ready()) is not None:
            self.starter.start_job(self.gradtop, find_job(name), draft, self.base)

    def action_apply_live(self) -> None:
        """Change the running training."""
        from gradtop.tui.screens.tune.fork_dialogs import apply_live

        self.form.leave()
        if (draft := self.ready()) is not None:
            found = self.at_once
            status = self.snapshot.facts.status
            apply_live(self.gradtop, draft, status, at_once_text(found, status.step) if found.grave else "")

    def action_save(self) -> None:
        from gradtop.tui.screens.tune.save_as import SaveAs

        self.form.leave()
        draft = self.ready()
        if draft is None or draft.config is None:
            return

        def saved(path: str | None) -> None:
            if path is not None:
                self.notify(f"saved {path}")

        self.app.push_screen(SaveAs(str(Path.cwd() / f"{self.base.name or 'config'}.toml"), draft.config), saved)

    def action_enqueue_trial(self) -> None:
        """Have the search that the form stands over train a trial with these values of its space."""
        self.form.leave()
        draft, base = self.ready(), self.base
        if draft is None or draft.config is None or base.search is None:
            return
        if other := [change.key for change in draft.changes() if not any(f".{change.key}".endswith(f".{key}") for key in base.searched)]:
            self.notify(f"the search has no {other[0]}: only keys of its space can differ ({', '.join(base.searched)})", title="no trial", severity="error")
            return
        asked = partial(self.gradtop.launcher.ask_search, base.search, "add_trial", {"params": draft.values_of(base.searched)})
        self.gradtop.launch(asked, "a trial was added to the search", watch=False)
