"""The evaluation of the held-out test set, once, after the last step."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

from torch import Tensor

from gradtop.trainer.data.held_out import with_held_out
from gradtop.trainer.data.nested import ModelInputs
from gradtop.trainer.inference.trained import open_trained, read_trained
from gradtop.trainer.launch.forks import find_checkpoint
from gradtop.trainer.record import EventKind, RecordError, read_meta
from gradtop.trainer.record.typed import recorded
from gradtop.trainer.runtime.control import Stop
from gradtop.trainer.runtime.device import out_of_memory
from gradtop.trainer.tasks.task import Score
from gradtop.trainer.training.evaluate import evaluate, evaluation_batch
from gradtop.trainer.training.session import Session


def evaluate_test_set(session: Session) -> None:
    """By the weights of the best checkpoint; a resume after a kill meanwhile begins it again. Not in a trial of a search, which would choose by it.

    Whatever goes wrong is said and costs its figures alone: the training is done. Raises Stop and EndNow.
    """
    if read_meta(session.run).search:
        return
    try:
        _evaluate(session)
    except Stop:
        raise
    except Exception as error:  # noqa: BLE001 - the training is done, whatever becomes of this
        traceback.print_exc()
        why = "out of memory" if out_of_memory(error) else (str(error).strip().splitlines() or [type(error).__name__])[0]
        session.warn(f"the test set was not evaluated: {why}; gradtop eval {recorded(session.run)} --data test does it again")


def _evaluate(session: Session) -> None:
    run, control = session.run, session.control
    try:
        chosen = find_checkpoint(run, "best")
    except RecordError:
        chosen = find_checkpoint(run)
    held_out = with_held_out(session.source)
    if held_out is None:
        return
    trained = open_trained(read_trained(run, chosen.path), lambda _: held_out)
    samples = 0

    def between() -> None:
        if control.due():
            control.obey(session)

    def counted() -> Iterator[tuple[ModelInputs, Tensor]]:
        nonlocal samples
        for inputs, targets in held_out.validation(evaluation_batch(session.config, session.source.info), trained.device):
            samples += len(targets)
            yield inputs, targets

    score = evaluate(trained.model, trained.forward, counted(), trained.task, between=between)
    _record(session, score, samples, chosen.step, chosen.epoch, best=chosen.best)


def _record(session: Session, score: Score, samples: int, step: int, epoch: int, *, best: bool) -> None:
    session.note(score.notes)
    session.progress.update(test=score.metrics, test_baselines=dict(score.baselines), test_step=step)
    session.writer.event(
        EventKind.TEST, step=step, epoch=epoch, best=best, samples=samples, metrics=score.metrics, baselines=dict(score.baselines), headline=session.compute.task.headline,
        monitor=session.scores.monitored.name,
    )
