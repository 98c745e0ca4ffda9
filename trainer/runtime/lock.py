"""The lock that allows one live worker per run."""

from __future__ import annotations

import fcntl
import os
import time

from gradtop.trainer.record import Run, RunState, is_alive, read_status
from gradtop.trainer.record.status import is_beating
from gradtop.trainer.runtime.errors import AlreadyTraining, UserError

ENDING, LOOK_EVERY = 3.0, 0.02  # seconds that the processes of a killed worker have to end; between two looks at that


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
    until = time.monotonic() + ENDING
    try:
        while not _locks(descriptor):
            # Not by a worker that lives, as far as is known: a dead one's processes that read data have inherited it, and end.
            _refuse_live(run, predecessor)
            if time.monotonic() >= until:
                raise AlreadyTraining(f"{run.id} is being trained by another process; stop that one first")
            time.sleep(LOOK_EVERY)
        # One that waited in line lets go of the lock while it turns into a worker; its status tells of it then.
        _refuse_live(run, predecessor)
    except UserError:
        os.close(descriptor)
        raise
    return descriptor


def _locks(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks: the status must do
    return True


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
