"""Whether the disk has room for a trial: one that fails for want of it says nothing of its hyperparameters."""

from __future__ import annotations

import os
import tempfile

from gradtop.trainer.record import Run, read_status

LEAST = 1 << 20  # bytes: a run directory without checkpoints
LARGEST = 1 << 32
PER_PARAMETER = 16  # bytes: a weight, its best copy, and two moments of the optimizer


def require_room(job: Run, trial: Run | None = None) -> None:
    """Raises OSError where what a trial writes finds no room beside the run of its job: the disk is full, or a quota used up."""
    wanted = LEAST + (min(PER_PARAMETER * read_status(trial).parameters, LARGEST) if trial is not None else 0)
    try:
        with tempfile.TemporaryFile(dir=job.path) as file:  # without a name, so that a kill leaves nothing
            os.posix_fallocate(file.fileno(), 0, wanted)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(job.path.parent)) from error
