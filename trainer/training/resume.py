"""How a run goes on from its newest checkpoint."""

from __future__ import annotations

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint.format import State
from gradtop.trainer.checkpoint.sidecar import path_of
from gradtop.trainer.record import EventKind, Run, StreamWriter, is_fork
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.edited import Edits
from gradtop.trainer.training.live import repeat_changes
from gradtop.trainer.training.misfit import check_unchanged, data_warning, explain_misfit
from gradtop.trainer.training.session import Session
from gradtop.trainer.training.state import restore


def newest_state(run: Run, writer: StreamWriter) -> State | None:
    """That of the newest checkpoint which can be read, with an event for each that cannot; None where there is none."""

    def skipped(message: str) -> None:
        print(message, flush=True)
        writer.event(EventKind.WARNING, message=f"{message}; the one before it is tried")

    state = checkpoint.load_newest(run.checkpoints, skipped)
    if state is None and not is_fork(run):
        writer.event(EventKind.WARNING, message="there is no checkpoint to resume from; training starts from the beginning")
    return state


def put_back(session: Session, state: State, edits: Edits) -> None:
    """Put the session where the checkpoint left it. Raises UserError where it does not fit the config."""
    check_unchanged(session, state)
    try:
        restore(session, state)
    except (RuntimeError, ValueError, KeyError, AttributeError) as error:
        raise UserError(explain_misfit(session, state)) from error
    if edits.ineffective:
        raise UserError(explain_misfit(session, state))
    if edits.others:
        edited = f"run.toml has changed since the checkpoint, and training goes on with what is there now: {', '.join(edits.others)}"
        session.writer.event(EventKind.WARNING, step=session.step, message=edited)
    if changed := data_warning(session, state):
        session.writer.event(EventKind.WARNING, step=session.step, message=changed)
    changes = repeat_changes(session, state.get("last_set"))
    if edits.new:
        try:
            changes |= session.set_live(edits.new).new
        except ValueError as error:
            raise UserError(f"run.toml has changed since the checkpoint, and {error}") from error
    session.writer.event(
        EventKind.RESUMED, step=session.step, path=path_of(session.run.checkpoints, session.step).name, changes=changes
    )
