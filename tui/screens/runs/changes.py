"""What Runs asks about the run under the cursor, and what becomes of the answer: its name, tags, note and pin, runs like it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from gradtop.trainer.analysis.run_row import RunRow
from gradtop.trainer.job import Job, find_job
from gradtop.trainer.record import RecordError, Run, label_run, rename_run
from gradtop.tui.reading.messages import Answered
from gradtop.tui.reading.poll import CommandAnswer
from gradtop.tui.screens.runs.text import shown_name

if TYPE_CHECKING:
    from gradtop.tui.app import GradtopApp


def rename(app: GradtopApp, row: RunRow) -> None:
    from gradtop.tui.dialogs.rename import Rename

    old = shown_name(row)

    def take(name: str | None) -> None:
        if name is not None and name != row.name:
            change(app, row.run, "rename", lambda: rename_run(row.run, name), f"{old} renamed to {name}")

    app.push_screen(Rename(old), take)


def tag(app: GradtopApp, row: RunRow) -> None:
    from gradtop.tui.dialogs.labels import Tags

    def take(text: str | None) -> None:
        if text is not None and (tags := text.split()) != list(row.tags):
            work = partial(label_run, row.run, add=tags, remove=row.tags)
            change(app, row.run, "tag", work, f"{shown_name(row)}: {', '.join(tags) or 'no tags'}")

    app.push_screen(Tags(shown_name(row), row.tags), take)


def annotate(app: GradtopApp, row: RunRow) -> None:
    from gradtop.tui.dialogs.labels import Note

    def take(note: str | None) -> None:
        if note is not None and note != row.note:
            change(app, row.run, "note", partial(label_run, row.run, note=note), f"{shown_name(row)}: note {'written' if note else 'removed'}")

    app.push_screen(Note(shown_name(row), row.note), take)


def pin(app: GradtopApp, row: RunRow) -> None:
    """Pin it, or take the pin away."""
    change(app, row.run, "pin", partial(label_run, row.run, pinned=not row.pinned), f"{shown_name(row)} is {'not pinned' if row.pinned else 'pinned'}")


def start_job(app: GradtopApp, row: RunRow, job: Job) -> None:
    """Start a job on the run's best checkpoint, the last where none was evaluated, and watch it."""

    def start() -> Run:
        from gradtop.trainer.launch.forks import find_checkpoint, usual_checkpoint, why_no_float_weights
        from gradtop.trainer.launch.run_config import changed_config

        if why := why_no_float_weights(find_job(row.job), shown_name(row)):
            raise RecordError(why)
        _, config, differing = changed_config(row.run, (), job=job.name)
        return app.launcher.start(config, parent=row.run, changes=differing, checkpoint=find_checkpoint(row.run, usual_checkpoint(row.run)).path)

    app.launch(start, f"started {job.title} on {shown_name(row)}")


def change(app: GradtopApp, run: Run, what: str, work: Callable[[], None], done: str) -> None:
    """Do it in the poll thread, and say what came of it."""

    def carry_out() -> None:
        try:
            work()
            answer = CommandAnswer(what, run.id, True, done)
        except RecordError as error:
            answer = CommandAnswer(what, run.id, False, str(error))
        app.post_message(Answered(answer))

    app.poll.change(run, carry_out)


def rerun(app: GradtopApp, row: RunRow) -> None:
    from gradtop.tui.dialogs.confirm import Confirm

    run, name = row.run, shown_name(row)

    def take(yes: bool | None) -> None:
        if yes:
            app.launch(partial(app.launcher.rerun, run), f"{name} started again from the beginning")

    consequence = f"A new run with the configuration of {name} trains from the beginning; {name} stays as it is."
    app.push_screen(Confirm(f"Start {name} again?", consequence, "start", "cancel"), take)


def seeds(app: GradtopApp, row: RunRow) -> None:
    from gradtop.tui.dialogs.labels import Seeds

    run, name = row.run, shown_name(row)

    def take(text: str | None) -> None:
        if text is not None:
            count = int(text)
            app.launch(partial(app.launcher.seeds, run, count), f"{count} run{'s' * (count > 1)} of {name} with other seeds queued", watch=False)

    app.push_screen(Seeds(name), take)
