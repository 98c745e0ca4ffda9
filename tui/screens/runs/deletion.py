"""Deleting a run: the question, the move into the trash in the poll thread, and what is said of it."""

from __future__ import annotations

from pathlib import Path

from textual.message import Message

from gradtop.trainer.analysis.run_row import RunRow
from gradtop.trainer.record import RecordError, Run, trash_run
from gradtop.trainer.record.runs import restore_command, trash_of
from gradtop.tui.framework.mode_screen import ModeScreen
from gradtop.tui.screens.runs.text import shown_name


class Deletion(Message):
    """A run was moved to `where`, or could not be moved, for the reason `problem`; `left` is what it leaves behind, `watched` is whether it was the one watched."""

    def __init__(self, run: Run, name: str, *, watched: bool, where: Path | None = None, problem: str = "", left: str = "") -> None:
        super().__init__()
        self.run, self.name, self.watched, self.where, self.problem, self.left = run, name, watched, where, problem, left


def confirm_deletion(screen: ModeScreen, row: RunRow) -> None:
    """Ask, then move the run into the trash; `screen` gets a `Deletion`."""
    from gradtop.tui.dialogs.confirm import Confirm

    run, name = row.run, shown_name(row)

    def delete(yes: bool | None) -> None:
        if not yes:
            return
        watched = screen.gradtop.watched == run
        if watched:  # before it is gone, so that nobody is told of it as of an accident
            screen.gradtop.watched = None
            screen.request_data()
        screen.gradtop.poll.change(run, lambda: _delete(screen, run, name, watched=watched))

    consequence = f"It is moved to {trash_of(run)} with all its checkpoints."
    screen.app.push_screen(Confirm(f"Delete {name}?", consequence, "delete", "keep"), delete)


def _delete(screen: ModeScreen, run: Run, name: str, *, watched: bool) -> None:
    """In the poll thread."""
    from gradtop.trainer.trials.recorded import trials_left_by

    left = trials_left_by(run)
    try:
        screen.post_message(Deletion(run, name, watched=watched, where=trash_run(run), left=left))
    except RecordError as error:
        screen.post_message(Deletion(run, name, watched=watched, problem=str(error)))


def report_deletion(screen: ModeScreen, deletion: Deletion) -> None:
    """Say where the run is now; one that could not be moved is watched again."""
    if deletion.where is None:
        screen.notify(deletion.problem, title="not deleted", severity="error", timeout=10)
        if deletion.watched and screen.gradtop.watched is None:
            screen.gradtop.watched = deletion.run
            screen.request_data()
        return
    notice = f"{deletion.name} was moved to the trash. To restore it: {restore_command(deletion.where, deletion.run)}"
    screen.notify(f"{notice}\n{deletion.left[:1].upper()}{deletion.left[1:]}" if deletion.left else notice, title="deleted", timeout=15)
