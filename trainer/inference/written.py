"""Writing a checkpoint of weights that a job has made of those of another run."""

from __future__ import annotations

import time
from typing import Any

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint.encoding import encoded
from gradtop.trainer.checkpoint.format import State
from gradtop.trainer.checkpoint.sidecar import Saved
from gradtop.trainer.config import TrainingConfig
from gradtop.trainer.record import Run
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.task import Score


def write_checkpoint(run: Run, state: State, score: Score, training: TrainingConfig, *, note: str) -> dict[str, Any]:
    """Write it into `checkpoints/` of the run, in the place of an earlier one of this step.

    Returns `checkpoint`, its path, and `note`. Raises UserError where it cannot be written; then nothing of it is left.
    """
    saved = Saved(
        step=state["step"],
        epoch=int(state.get("epoch") or 0),
        val_loss=score.loss,
        val_accuracy=score.known_accuracy,
        best=True,
        time=time.time(),
        monitor=training.best.name,
        monitor_mode=training.best.mode,
        score=score.of(training.best.name),
        note=note,
    )
    try:
        checkpoint.remove_leftovers(run.checkpoints)
        path = checkpoint.save(run.checkpoints, encoded(state), saved)
    except OSError as error:
        raise UserError(f"the checkpoint cannot be written into {run.checkpoints}: {error.strerror or error}") from error
    return {"checkpoint": str(path), "note": note}
