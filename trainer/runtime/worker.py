"""The process that trains: from a run directory to a finished, stopped or failed run."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gradtop.trainer.record import (
    Inbox,
    Run,
    RunState,
    Status,
    StreamWriter,
    process_start,
    read_status,
    this_host,
    write_status,
)
from gradtop.trainer.runtime.control import Control, Stop
from gradtop.trainer.runtime.errors import NonFinite, UserError
from gradtop.trainer.runtime.lock import lock_run
from gradtop.trainer.runtime.progress import Heartbeat, Progress
from gradtop.trainer.runtime.signals import EndNow, LastResort, Signals

# PyTorch is imported when the run already shows as starting: the import takes seconds.
if TYPE_CHECKING:
    from gradtop.trainer.training.session import Session

DONE, FAILED = 0, 1


@dataclass(frozen=True)
class Ending:
    """How a run ended, in the words of its status."""

    state: RunState
    error: str = ""
    at_once: bool = False


def work(
    run: Run,
    *,
    resume: bool = False,
    signals: Signals | None = None,
    begun: Callable[[], object] = lambda: None,
) -> int:
    """Train `run` to its end in this process; returns the exit code. What a person must know is in the status.

    With `signals`, which only the main thread of a process of its own can have, a second signal ends the process.
    `begun` is called when the run shows as starting.
    """
    try:
        held = lock_run(run, resume=resume)
    except (UserError, OSError) as error:
        print(error, file=sys.stderr, flush=True)
        return FAILED
    try:
        worker = Worker(run, resume=resume, signals=signals)
        begun()
        return worker.work()
    finally:
        os.close(held)


class Worker:
    """One attempt at a run: its status, its ears, its training, its ending."""

    def __init__(self, run: Run, *, resume: bool, signals: Signals | None) -> None:
        self.run = run
        self.resume = resume
        self.session: Session | None = None
        status = first_status(run, resume=resume)
        with contextlib.suppress(OSError):
            # At once, as importing PyTorch takes seconds. A directory that cannot be written costs only telemetry.
            write_status(run, status)
        self.writer = StreamWriter(run, on_loss=_say)
        self.progress = Progress(status, self.writer)
        self.control = Control(Inbox(run), self.writer, signals or Signals())
        self.last_resort = LastResort(lambda: self._write_end(Ending(RunState.STOPPED, "ended by a second signal")))
        if signals is not None:
            self.last_resort.start()

    def work(self) -> int:
        heartbeat = Heartbeat(self.progress)
        heartbeat.start()
        try:
            ending = self._train()
            heartbeat.close()
            self._end(ending)
        except EndNow as asked:
            # Asked a second time while the ending was under way.
            ending = Ending(RunState.STOPPED, str(asked), at_once=True)
            self._write_end(ending)
        self.last_resort.close()
        return FAILED if ending.state is RunState.FAILED else DONE

    def _train(self) -> Ending:
        try:
            self.control.refuse("sent before this worker took over the run; send it again")
            from gradtop.trainer.training.build import prepare
            from gradtop.trainer.training.loop import train

            self.session = prepare(self.run, self.writer, self.progress, self.control, resume=self.resume)
            train(self.session)
        except Stop:
            return Ending(RunState.STOPPED)
        except EndNow as asked:
            return Ending(RunState.STOPPED, str(asked), at_once=True)
        except Exception as error:  # noqa: BLE001 - whatever ends a run is told to the person who reads its status
            return Ending(RunState.FAILED, self._explain(error))
        return Ending(RunState.DONE)

    def _explain(self, error: Exception) -> str:
        """One sentence for the status; the traceback goes to the log."""
        traceback.print_exc()
        if isinstance(error, NonFinite) and self.session is not None:
            self.session.write_black_box(error)
        if isinstance(error, UserError):
            return str(error)
        from gradtop.trainer.runtime.device import explain_out_of_memory, out_of_memory
        from gradtop.trainer.training.step import explain

        if sentence := explain(error):
            return sentence
        if self.session is not None and out_of_memory(error):
            return explain_out_of_memory(str(self.session.device), self.session.batches.batch_size)
        first = (str(error).strip().splitlines() or [""])[0]
        return f"{type(error).__name__}: {first} (the traceback is in worker.log)"

    def _end(self, ending: Ending) -> None:
        if self.session is not None:
            self.session.close(at_once=ending.at_once)
        self.control.refuse(f"the training has ended ({ending.state})")
        status = self.progress.update(state=ending.state, error=ending.error, ended=time.time())
        self.writer.event("end", state=ending.state, step=status.step, message=ending.error)
        _say(f"{ending.state} at step {status.step}{': ' if ending.error else ''}{ending.error}")
        self.writer.close(1.0 if ending.at_once else 5.0)
        if read_status(self.run).state != ending.state:
            self._write_end(ending)

    def _write_end(self, ending: Ending) -> None:
        now = time.time()
        with contextlib.suppress(OSError):
            write_status(
                self.run, replace(self.progress.status, state=ending.state, error=ending.error, updated=now, ended=now)
            )


def first_status(run: Run, *, resume: bool) -> Status:
    """The status of a process that starts; a resume keeps what the run had reached until it knows better."""
    earlier = read_status(run) if resume else Status()
    host, boot = this_host()
    now = time.time()
    return replace(
        earlier,
        state=RunState.STARTING,
        pid=os.getpid(),
        pid_started=process_start(os.getpid()),
        host=host,
        boot=boot,
        started=earlier.started or now,
        updated=now,
        ended=0.0,
        queued=0.0,
        samples_per_s=0.0,
        error="",
        warning="",
    )


def _say(message: str) -> None:
    # Standard output is worker.log, which may lie on a full disk.
    with contextlib.suppress(OSError):
        print(message, flush=True)
