"""How a training ends: its last events and checkpoint, and what speaks against calling it done."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradtop.trainer.checkpoint.writer import newest_text
from gradtop.trainer.record import EventKind
from gradtop.trainer.record.typed import recorded
from gradtop.trainer.runtime.errors import NonFinite, NothingLearned, UserError

if TYPE_CHECKING:
    from gradtop.trainer.tasks.task import Score
    from gradtop.trainer.training.session import Session


def end(session: Session) -> None:
    """After the last step: say so where that is an early one, leave the checkpoint of it, and wait until that is written.

    Raises NothingLearned where no step has changed the weights, NonFinite where the last one that did has spoilt them, UserError
    where its last step is in no checkpoint.
    """
    scores = session.scores
    if session.stopped_early and session.step < session.steps:
        session.writer.event(
            EventKind.EARLY_STOPPING,
            step=session.step,
            epoch=session.epoch_told,
            epochs=session.epochs_told,
            evaluations=scores.without_better,
            monitor=scores.monitored.name,
            mode=scores.monitored.mode,
        )
    session.data_record.complete(session.config.training.label_smoothing)
    if session.kept != session.step:
        session.keep_checkpoint()
    if 0 < session.guard.skipped == session.step - session.progress.status.began:
        raise NothingLearned(session.guard.skipped)
    if (streak := session.guard.streak) and scores.newest is not None and not math.isfinite(scores.newest.loss):
        what, spoilt = "the validation loss", session.step - streak
        raise NonFinite(
            spoilt, what, f"step {spoilt} has spoilt the weights: {what} is not finite, and the gradient scaler skipped each of the {streak} steps after it"
        )
    # What writing takes is no part of what training took.
    session.stopwatch.halt()
    if error := session.checkpoint_writer.finish():
        raise UserError(_unsaved(session, error))


def checkpoint_where_stopped(session: Session) -> str:
    """Keep the state that training was stopped in; returns a sentence where that cannot be written."""
    session.stopwatch.halt()
    try:
        session.checkpoint_now()
    except OSError as error:
        return _unsaved(session, error)
    return ""


def check_monitored(session: Session, score: Score) -> None:
    """Raises UserError where code of the user's fails that computes what decides which checkpoint is the best; a resume begins with this evaluation."""
    if fault := score.faults.get(session.scores.monitored.name):
        unsaved = checkpoint_where_stopped(session)
        kept = unsaved or f"step {session.step} is kept: correct it, and go on with gradtop resume {recorded(session.run)}"
        raise UserError(f"{fault}; it is training.monitor, by which the best checkpoint is chosen. {kept[:1].upper()}{kept[1:]}")


def _unsaved(session: Session, error: OSError) -> str:
    newest = newest_text(session.run)
    return f"trained to step {session.step}, but that is in no checkpoint ({error.strerror or error}): {newest}"
