"""The stream `evals` as a training writes it: a column for each declared metric, and for each that only this run measures."""

from __future__ import annotations

import time

from gradtop.trainer.metrics import FURTHER, METRICS, MOST_OWN
from gradtop.trainer.record import Column, StreamWriter
from gradtop.trainer.record.streams.registry import EVALS, columns_of
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.task import Score, check_own_name


class EvaluationStream:
    """Writes evaluations. A metric that an evaluation brings for the first time begins a new segment, which has a column more."""

    def __init__(self, writer: StreamWriter, *, first_step: int, newest: Score | None) -> None:
        """`newest` is the evaluation before `first_step`, whose metrics are likely to come again."""
        self._writer = writer
        self._own: tuple[str, ...] = ()
        self._open(newest, first_step)

    def record(self, step: int, epoch: int, score: Score) -> None:
        """Raises UserError for a name that no column can have."""
        if not set(self._own).issuperset(own_metrics(score)):
            self._open(score, step)
        values = [score.of(name) for name in (*FURTHER, *self._own)]
        self._writer.put(EVALS, step, time.time(), (epoch, score.loss, score.accuracy, *values))

    def _open(self, score: Score | None, step: int) -> None:
        if score is not None:
            self._own = tuple(dict.fromkeys((*self._own, *own_metrics(score))))
        if len(self._own) > MOST_OWN:
            raise UserError(f"evaluations have measured {len(self._own)} metrics under different names, and a run records {MOST_OWN} of its own; let each evaluation use the same names")
        self._writer.open(EVALS, (*columns_of(EVALS), *(Column(name, sparse=True) for name in self._own)), first_step=step)


def own_metrics(score: Score) -> list[str]:
    """What the evaluation has measured and is declared nowhere. Raises UserError for a name that no column can have."""
    names = [name for name in score.further if name not in METRICS]
    for name in names:
        check_own_name(name)
    return names
