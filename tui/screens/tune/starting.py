"""What Tune starts: a new run or a fork of what the form has, or another job on it. Each starts in a thread, as starting waits for the worker."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradtop.tui import keys
from gradtop.tui.screens.tune.effect import place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradtop.trainer.config import Config
    from gradtop.trainer.job import Job
    from gradtop.trainer.record import CheckpointInfo, Run
    from gradtop.tui.app import GradtopApp
    from gradtop.tui.reading.snapshot import Facts
    from gradtop.tui.screens.tune.data import TunePart
    from gradtop.tui.screens.tune.draft import Draft


class Starter:
    """Starts one run at a time from the form; `busy` until it has started, `last` is the configuration of the newest run of it."""

    def __init__(self) -> None:
        self.busy = False
        self.last: Config | None = None
        self._refused: dict[str, str] = {}  # by job, the line with which none could be started

    def start(self, app: GradtopApp, draft: Draft, base: TunePart, checkpoint: CheckpointInfo | None, *, queue: bool) -> None:
        """A run of the draft, from the checkpoint or from the start; the screen follows it unless it is queued."""
        if draft.config is None or self.busy:
            return
        config, changes = draft.config, draft.changes()

        def start() -> Run:
            run = app.launcher.start(config, parent=base.run, changes=changes, checkpoint=checkpoint.path if checkpoint else None, queue=queue)
            self.last = config
            return run

        self._launch(app, start, started_text(checkpoint, app.snapshot.facts, queue=queue), watch=not queue)

    def start_job(self, app: GradtopApp, job: Job, draft: Draft, base: TunePart) -> None:
        """Another job than training on the draft, after the question that it may have."""
        if draft.config is None or self.busy:
            return

        def answered(line: str | None) -> None:
            if line is not None and dialog is not None:
                self._refused[job.name] = line
                self._start_job(app, job, draft, base, dialog.overrides_of(line))

        question = keys.start_question(job.name)
        dialog = question(draft.config, training_seconds(app.snapshot.facts, draft)) if question else None
        if dialog is None:
            self._start_job(app, job, draft, base)
        else:
            if job.name in self._refused:
                dialog.propose(self._refused[job.name])
            app.push_screen(dialog, answered)

    def _start_job(self, app: GradtopApp, job: Job, draft: Draft, base: TunePart, overrides: Sequence[str] = ()) -> None:
        """With the newest weights of the base where the job takes them and they fit."""
        if draft.config is None or self.busy:
            return
        config, changes = draft.config, draft.changes()

        def start() -> Run:
            from gradtop.trainer.config import apply_overrides
            from gradtop.trainer.launch.forks import newest_weights

            takes = job.command is None or job.command.takes_weights
            checkpoint = newest_weights(base.run, changes)[0] if takes and base.run is not None and base.checkpoints else None
            run = app.launcher.start(apply_overrides(config, overrides, job=job.name), parent=base.run, changes=changes, checkpoint=checkpoint)
            self._refused.pop(job.name, None)
            return run

        self._launch(app, start, f"started {job.title}")

    def _launch(self, app: GradtopApp, start: Callable[[], Run], text: str, *, watch: bool = True) -> None:
        self.busy = True

        def work() -> Run:
            try:
                return start()
            finally:
                self.busy = False

        app.launch(work, text, watch=watch)


def training_seconds(facts: Facts, draft: Draft) -> float:
    """About how long a training with the draft takes, from the one that is watched; nan where that says nothing of it."""
    from gradtop.trainer.analysis.training_time import expected_seconds

    if draft.config is None:
        return math.nan
    return expected_seconds(facts.meta.job, facts.status._replace(state=facts.state), [change.key for change in draft.changes()], draft.config.training)


def started_text(checkpoint: CheckpointInfo | None, facts: Facts, *, queue: bool) -> str:
    """The notification of a run that was started or queued beside the one that is watched."""
    if queue:
        return f"a {f'fork from {place(checkpoint)}' if checkpoint else 'new run'} is queued ({keys.name('mode.runs')} shows its position)"
    beside = f"; {facts.name} continues" if facts.alive and facts.run is not None else ""
    return f"{f'forked from {place(checkpoint)}' if checkpoint else 'started a new run'}{beside}"
