"""Starting detached workers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gradtop.trainer.launch.custom_code import code_of_run, require_started
from gradtop.trainer.launch.server import Connection, Refused, connect, request_worker
from gradtop.trainer.launch.worker_environment import worker_environment
from gradtop.trainer.record import Run, RunState, clean, read_status, write_status
from gradtop.trainer.record.writing import open_to_append

# Python's own start on a slow network file system; past it the worker may still come, but nobody should wait.
PATIENCE = 60.0
LAST_WORDS = 4096
QUEUE = "gradtop.trainer.launch.queue"


def start_worker(run: Run, *, resume: bool = False, server: bool = True) -> None:
    """Have `run` trained in the background; returns when it shows as starting. Raises OSError with a sentence, and UnknownCode for a
    run with custom code that was not started here.

    The torch server forks the worker. Where there is none yet, a small process of its own starts one and waits for it; without
    `server`, or where the server cannot be had, a new process imports PyTorch itself.
    """
    _start_worker(run, resume=resume, server=server, told=False)


def start_and_hear(run: Run, *, resume: bool = False, server: bool = True, name: str = "") -> Connection | None:
    """As `start_worker`; returns what the torch server's process closes when the run has ended, None where no such process trains it.

    To be closed. Who waits must look at the run as well, as for one that ends in another way. `name` is that of the torch server, where it
    was found a moment ago: finding it takes milliseconds.
    """
    return _start_worker(run, resume=resume, server=server, told=True, name=name)


def _start_worker(run: Run, *, resume: bool, server: bool, told: bool, name: str = "") -> Connection | None:
    require_started(code_of_run(run))
    try:
        if not server:
            _start(run, resume=resume, module="gradtop.trainer")
        elif (connection := _forked(run, resume=resume, told=told, name=name)) is not None:
            return connection
        else:
            _start(run, "--now", resume=resume, module=QUEUE)
    except OSError as error:
        say_failed(run, error)
        raise
    return None


def queue_worker(run: Run, *, resume: bool = False, server: bool = True) -> None:
    """Have the run wait for its device in the queue, and trained when its turn has come; returns when it shows as queued.

    What waits is a small process of its own. Raises OSError with a sentence, and UnknownCode as `start_worker` does.
    """
    require_started(code_of_run(run))
    try:
        _start(run, *([] if server else ["--no-server"]), resume=resume, module=QUEUE)
    except OSError as error:
        say_failed(run, error)
        raise


def _forked(run: Run, *, resume: bool, told: bool, name: str) -> Connection | None:
    """The connection, closed unless `told`, if a server that is ready has forked a worker for the run. Raises OSError where the worker refuses the run."""
    try:
        connection = (connect(name) if name else None) or connect()
        if connection is None:
            return None
        if connection.importing:
            connection.close()
            return None
        request_worker(connection, run, resume=resume, told=told)
    except Refused as error:
        raise OSError(f"the worker could not be started: {error}") from error
    except OSError:
        return None
    return connection


def _start(run: Run, *options: str, resume: bool, module: str) -> None:
    log = open_to_append(run.path, run.log)
    try:
        before = os.fstat(log).st_size
        code = spawn([os.fspath(run.path), *options, *(["--resume"] if resume else [])], stdin=subprocess.DEVNULL, stdout=log, stderr=log, module=module)
    finally:
        os.close(log)
    if code:
        raise OSError(f"the worker could not be started: {last_log_line(run.log, before) or f'see {run.log}'}")


def say_failed(run: Run, error: OSError) -> None:
    """Record the failure of a run that no worker could be started for."""
    status = read_status(run)
    if status.state is RunState.CREATED:
        now = time.time()
        with contextlib.suppress(OSError):
            write_status(run, status._replace(state=RunState.FAILED, error=str(error), updated=now, ended=now))


def spawn(arguments: Sequence[str], *, stdin: int, stdout: int, stderr: int, module: str) -> int:
    """Start `python -m MODULE …` in a new session, detached from this process; 0 on success. Raises OSError.

    What is started here is no more than the parent of the worker: it ends as soon as the worker has begun, or with the
    worker's exit code when that ended before.
    """
    command = [sys.executable, "-P", "-m", module, *arguments, "--detach"]
    first = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, env=worker_environment(), start_new_session=True)
    try:
        return first.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        raise OSError(f"the worker has not started within {PATIENCE:g} s") from None


def last_log_line(log: Path, begin: int) -> str:
    """The last line that was written into a log from byte `begin` on, safe to show."""
    try:
        with log.open("rb") as file:
            file.seek(max(begin, file.seek(0, os.SEEK_END) - LAST_WORDS))
            lines = file.read(LAST_WORDS).decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return clean(next((line for line in reversed(lines) if line.strip()), ""), 300)
