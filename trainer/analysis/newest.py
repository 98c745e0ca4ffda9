"""How far a run has come that died: it has recorded steps since it wrote its status."""

from __future__ import annotations

import math
from dataclasses import replace

from gradtop.trainer.record import RunReader, RunState, Status
from gradtop.trainer.record.streams.registry import GRAD_NORM, LOSS, LR, STEP, STEPS


def newest_status(reader: RunReader) -> Status:
    """The status, and of a run that died what its newest recorded step says, where that is newer."""
    status = reader.status
    if reader.state is not RunState.DIED:
        return status
    stream = reader.stream(STEPS)
    stream.refresh()
    newest = stream.last()
    if newest is None or newest[STEP] <= status.step:
        return status
    step, per_epoch = int(newest[STEP]), status.steps_per_epoch
    epoch = min(-(-step // per_epoch), status.epochs) if per_epoch else 0
    loss, lr, norm = (newest.get(name) for name in (LOSS, LR, GRAD_NORM))
    if norm is not None and math.isnan(norm):
        norm = None  # not measured in that step
    return replace(status, step=step, epoch=max(epoch, status.epoch), loss=loss, lr=lr, grad_norm=norm)
