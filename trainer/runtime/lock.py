"""The lock that allows one live worker per run."""

from __future__ import annotations

import fcntl
import os

from gradtop.trainer.record import Run, RunState, is_alive, read_status
from gradtop.trainer.record.status import is_beating
from gradtop.trainer.runtime.errors import AlreadyTraining, UserError


def lock_run(run: Run, *, resume: bool, predecessor: int = 0) -> int:
    """Lock the run for this process; returns a file descriptor to keep open. Raises UserError or OSError.

    `predecessor` is a process of this host that may hold the run, as it hands it over.
    """
    _refuse_live(run, predecessor)
    if not resume and any(run.checkpoints.glob("step-*.pt")):
        raise UserError(f"{run.id} has been trained before; continue it with --resume, or start a new run")
    # The status tells of workers on every host; the lock of one that starts at this very moment on this one. However
    # the process ends, the kernel lets go of it.
    descriptor = os.open(run.path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AlreadyTraining(f"{run.id} is being trained by another process; stop that one first") from None
    except OSError:
        # A file system without locks: the status must do.
        return descriptor
    try:
        # One that waited in line lets go of the lock while it turns into a worker; its status tells of it then.
        _refuse_live(run, predecessor)
    except UserError:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_live(run: Run, predecessor: int) -> None:
    status = read_status(run)
    if not status.state.is_active or status.pid == os.getpid():
        return
    alive = is_alive(status)
    if alive and status.pid == predecessor:
        return
    if alive or (alive is None and is_beating(run, status)):
        if status.state is RunState.QUEUED:
            raise AlreadyTraining(f"{run.id} is already queued (process {status.pid} on {status.host})")
        raise AlreadyTraining(
            f"{run.id} is being trained by process {status.pid} on {status.host}; stop that one first"
        )
