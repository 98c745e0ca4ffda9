"""How far a run has come that died: it has recorded steps since it wrote its status."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gradtop.trainer.metrics import ACCURACY, LOSS, monitored
from gradtop.trainer.record import RunReader, RunState, Status, StreamReader
from gradtop.trainer.record.streams.registry import EPOCH, EVALS, GRAD_NORM, LR, STEP, STEPS, TIME

NOT_FURTHER = frozenset({STEP, TIME, EPOCH, LOSS, ACCURACY})  # columns of an evaluation
MOST = 256  # evaluations since the status, which is written at least every few seconds


def newest_status(reader: RunReader) -> Status:
    """The status, and of a run that died what its newest recorded step and evaluations say, where they are newer."""
    if reader.state is not RunState.DIED:
        return reader.status
    return recorded_since(reader.status, reader.stream(EVALS), reader.stream(STEPS))


def recorded_since(status: Status, evals: StreamReader, steps: StreamReader) -> Status:
    """The status of a run that died, as `newest_status` has it; takes half a millisecond."""
    evals.refresh()
    known = status.step
    for record in evals.tail(MOST):
        if record[STEP] >= known:
            status = evaluated(status, record)
    steps.refresh()
    newest = steps.last()
    if newest is None or newest[STEP] <= known:
        return status
    step, per_epoch = int(newest[STEP]), status.steps_per_epoch
    epoch = min(-(-step // per_epoch), status.epochs) if per_epoch else 0
    loss, lr, norm = (newest.get(name) for name in (LOSS, LR, GRAD_NORM))
    return status._replace(step=step, epoch=max(epoch, status.epoch), loss=loss, lr=lr, grad_norm=finite(norm))


def evaluated(status: Status, record: Mapping[str, float]) -> Status:
    """The status after an evaluation."""
    further = {name: value for name, value in record.items() if name not in NOT_FURTHER and math.isfinite(value)}
    loss, accuracy, ended = record.get(LOSS), finite(record.get(ACCURACY)), finite(record.get(EPOCH)) or 0.0
    epoch = int(ended) if 0 <= ended <= status.epochs else 0
    found = status._replace(val_loss=loss, val_accuracy=accuracy, metrics=further)
    low, high = monitored(LOSS).rank, monitored(ACCURACY).rank
    if low(loss) < low(status.best_val_loss):
        found = found._replace(best_val_loss=loss, best_loss_epoch=epoch)
    if high(accuracy) < high(status.best_val_accuracy):
        found = found._replace(best_val_accuracy=accuracy, best_accuracy_epoch=epoch)
    rank, value = status.monitored.rank, record.get(status.monitor)
    if rank(value) < rank(status.best):
        found = found._replace(best=value, best_epoch=epoch, val_loss_at_best=loss, accuracy_at_best=accuracy, metrics_at_best=further)
    return found


def finite(value: float | None) -> float | None:
    """None for what was not measured."""
    return value if value is not None and math.isfinite(value) else None
