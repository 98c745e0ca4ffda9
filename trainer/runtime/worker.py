"""The worker process: locks the run, starts its job, and records how it ended."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from gradtop.trainer.job import DEFAULT_JOB, Job, find_job, job_names
from gradtop.trainer.record import (
    EventKind,
    EventReader,
    Inbox,
    Run,
    RunState,
    Status,
    StreamWriter,
    process_start,
    read_meta,
    read_status,
    this_host,
    write_status,
)
from gradtop.trainer.record.bounds import positive
from gradtop.trainer.record.place import Location
from gradtop.trainer.record.run_reader import read_config
from gradtop.trainer.record.status import READS
from gradtop.trainer.record.typed import recorded
from gradtop.trainer.record.writing import remove_leftovers
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.control import Control, Stop
from gradtop.trainer.runtime.errors import LOGGED, TracedError, UserError, explain_exit, explain_limit, sayable
from gradtop.trainer.runtime.lock import lock_run
from gradtop.trainer.runtime.preparing import Preparation, listening
from gradtop.trainer.runtime.progress import Heartbeat, Progress
from gradtop.trainer.runtime.signals import EndNow, LastResort, Signals
from gradtop.trainer.runtime.watch import ControlWatch

DONE, FAILED = 0, 1


@dataclass(frozen=True)
class Ending:
    """The final state of a run, as recorded in its status."""

    state: RunState
    error: str = ""
    at_once: bool = False


def work(
    run: Run,
    *,
    resume: bool = False,
    signals: Signals | None = None,
    begun: Callable[[], object] = lambda: None,
    refused: Callable[[str], object] = lambda _: None,
    predecessor: int = 0,
    forked: bool = False,
) -> int:
    """Run the job of `run` in this process; returns the exit code. Errors are recorded in the status.

    With `signals`, which only the main thread of a process of its own can have, a second signal ends the process.
    `begun` is called when the run shows as starting, `refused` with a sentence where this process must not train it.
    `predecessor` is the process that has held the run so far and hands it over; `forked`, whether the torch server forked this one.
    """
    try:
        held = lock_run(run, resume=resume, predecessor=predecessor)
    except (UserError, OSError) as error:
        print(error, file=sys.stderr, flush=True)
        refused(str(error))
        return FAILED
    try:
        elsewhere = enter_directory(run)
        worker = Worker(run, resume=resume, signals=signals, handed_over=predecessor != 0, forked=forked)
        if elsewhere:
            worker.writer.event(EventKind.WARNING, message=elsewhere)
        begun()
        return worker.work()
    finally:
        os.close(held)


def enter_directory(run: Run) -> str:
    """Change to the directory where the run was started, for relative paths and modules. Returns the problem if that fails."""
    cwd = read_meta(run).cwd
    try:
        if cwd:
            os.chdir(cwd)
        Path.cwd()
    except OSError as error:
        try:
            here = Path.cwd()
        except OSError:
            here = run.path
            os.chdir(here)
        return f"the run's working directory {cwd or '(deleted)'} cannot be entered ({error.strerror}); relative paths and modules are looked up in {here}"
    return ""


class Worker:
    """One process of a run: status, control, job and ending."""

    def __init__(self, run: Run, *, resume: bool, signals: Signals | None, handed_over: bool = False, forked: bool = False) -> None:
        self.run = run
        self.before = status_before(run)
        status = first_status(run, resume=resume)
        remove_leftovers(run.path, time.time())
        self.writer = StreamWriter(run, on_loss=_say, on_place=self._place_changed)
        self.control = Control(Inbox(run), self.writer, signals or Signals())
        if not handed_over:
            # Before the run shows as starting: what is sent from then on is for this worker.
            self.control.refuse("sent before this worker took over the run; send it again")
        with contextlib.suppress(OSError):
            # At once, as importing PyTorch takes seconds. A directory that cannot be written costs only telemetry.
            write_status(run, status)
        self.progress = Progress(status, self.writer)
        self.context = RunContext(run, resume, self.writer, self.progress, self.control, forked=forked)
        self.in_own_process = signals is not None
        self.last_resort = LastResort(lambda: self._write_end(Ending(RunState.STOPPED, "ended by a second signal")))
        if signals is not None:
            self.last_resort.start()

    def work(self) -> int:
        watch = ControlWatch(self.control, self.progress, self.writer, self._end_from_beside)
        heartbeat = Heartbeat(self.progress, besides=watch.look if self.in_own_process else lambda: None)
        heartbeat.start()
        try:
            ending = self._do_job()
            self.context.close(at_once=ending.at_once)
            heartbeat.close()
            self._end(ending)
        except EndNow as request:
            # Asked a second time while the ending was under way.
            ending = Ending(RunState.STOPPED, str(request), at_once=True)
            self._write_end(ending)
        self.last_resort.close()
        return FAILED if ending.state is RunState.FAILED else DONE

    def _do_job(self) -> Ending:
        try:
            job = job_of(self.run)
            self.control.begin(saves=job.trains)
            if self.context.resume:
                require_resumable(job, self.run)
            with listening(Preparation(self.control, self.progress, saves=job.trains)):
                start(job.name)(self.context)
        except Stop as request:
            return Ending(RunState.STOPPED, "; ".join(filter(None, (f"ended by {request}" if str(request) else "", request.unsaved))))
        except EndNow as request:
            return Ending(RunState.STOPPED, str(request), at_once=True)
        except Exception as raised:  # noqa: BLE001 - whatever ends a run is told to the person who reads its status
            error = sayable(raised)
            if self.control.signal and not isinstance(error, UserError):
                # It may have gone to the whole process group, and ended a compiler that the job waited for.
                traceback.print_exc()
                step = self.progress.update().step
                return Ending(RunState.STOPPED, f"ended by {self.control.signal}, with which step {step + 1} failed ({first_line(error)}; the traceback is in worker.log)")
            return Ending(RunState.FAILED, self._explain(error))
        except BaseException as error:  # noqa: BLE001 - custom code may raise these too, as sys.exit does, and nobody else would tell of it
            traceback.print_exc()
            return Ending(RunState.FAILED, explain_exit(error))
        finally:
            self.control.ends()
        return Ending(RunState.DONE)

    def _explain(self, error: Exception) -> str:
        """The error as one sentence for the status; prints the traceback to the log."""
        traceback.print_exc()
        sentence = self.context.explain(error) or explain_limit(error)
        if isinstance(error, UserError) and not isinstance(error, TracedError):
            return str(error)
        if sentence:
            return sentence
        return f"{error if isinstance(error, UserError) else first_line(error)}{LOGGED}"

    def _end(self, ending: Ending) -> None:
        begun = self.progress.status.state is not RunState.STARTING or self.before.state is RunState.CREATED
        if ending.state is RunState.FAILED and self.context.resume and not begun:
            self._leave_as_it_was(ending)
            return
        self.control.refuse(f"the run has ended ({ending.state})")
        status = self.progress.update(state=ending.state, error=ending.error, ended=time.time())
        self.writer.event(EventKind.END, state=ending.state, step=status.step, reason=ending.error)
        _say(f"{ending.state} at step {status.step}{': ' if ending.error else ''}{ending.error}")
        self.writer.close(1.0 if ending.at_once else 5.0)
        if read_status(self.run).state != ending.state:
            self._write_end(ending)

    def _leave_as_it_was(self, failed: Ending) -> None:
        """Restore the status from before a resume that failed before its first step, and record the error."""
        sentence = f"could not be resumed: {failed.error}"
        self.control.refuse(f"the run {sentence}")
        self.progress.gauges = dict
        before = {name: getattr(self.before, name) for name in READS if name not in {"updated", "error", "not_resumed"}}
        self.progress.update(**before, error=sentence, not_resumed=True)
        self.writer.event(EventKind.WARNING, step=self.before.step, message=f"the run {sentence}")
        _say(sentence)
        self.writer.close()

    def _end_from_beside(self, reason: str) -> None:
        """End the process from another thread while the job does not return."""
        self.writer.event(EventKind.END, state=RunState.STOPPED, step=self.progress.status.step, reason=reason)
        _say(f"{RunState.STOPPED}: {reason}")
        self.writer.close(2.0)
        self._write_end(Ending(RunState.STOPPED, reason))
        os._exit(DONE)

    def _place_changed(self, found: Location) -> None:
        if found is Location.MOVED:
            moved = f"the run directory was moved to {self.run.path}; the run goes on there"
            self.writer.event(EventKind.WARNING, message=moved)
            _say(moved)
        elif found is Location.GONE:
            # Said at once: what the log is, only who looks at it now may ever see.
            gone = f"the run directory {self.run.path} was deleted while its worker ran, which ends: nothing that it does could be kept"
            _say(gone)
            self.control.give_up(gone)

    def _write_end(self, ending: Ending) -> None:
        now = time.time()
        with contextlib.suppress(OSError):
            write_status(
                self.run, self.progress.status._replace(state=ending.state, error=ending.error, updated=now, ended=now)
            )


def first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"


def job_of(run: Run) -> Job:
    """The job named in run.toml; the default job if it is unknown, which then reports the problem."""
    name = read_config(run).get("job")
    return find_job(name if name in job_names() else DEFAULT_JOB)


def status_before(run: Run) -> Status:
    """The status before this process; a run that was training had died."""
    status = read_status(run)
    if not status.state.is_active:
        return status
    reader = EventReader(run)
    reader.refresh()
    # What waits in the queue shows as queued: how it came to stand there, the events tell.
    turns = [event for event in reader.rare if event["kind"] in {EventKind.START, EventKind.RESUMED, EventKind.FORKED, EventKind.END}]
    ended = turns and turns[-1]["kind"] == EventKind.END
    return status._replace(state=RunState(str(turns[-1].get("state"))) if ended else RunState.DIED, ended=positive(turns[-1].get("time")) or 0.0 if ended else 0.0)


def require_resumable(job: Job, run: Run) -> None:
    """Raises UserError, with advice, for a job that cannot be resumed."""
    if not job.resumable:
        raise UserError(f"{job.title} cannot be resumed; start it again: gradtop rerun {recorded(run)}")


def start(job: str) -> Callable[[RunContext], None]:
    """Import and start the work of a job; importing PyTorch takes seconds."""
    found: Callable[[RunContext], None] = import_module(f"gradtop.trainer.jobs.{job}.work").start
    return found


def first_status(run: Run, *, resume: bool) -> Status:
    """The status of a starting process; a resume keeps the progress reached so far."""
    earlier = read_status(run) if resume else Status()
    host, boot = this_host()
    now = time.time()
    return earlier._replace(
        state=RunState.STARTING,
        pid=os.getpid(),
        pid_started=process_start(os.getpid()),
        host=host,
        boot=boot,
        started=earlier.started or now,
        updated=now,
        ended=0.0,
        queued=0.0,
        preparing={},
        samples_per_s=0.0,
        error="",
        warning="",
    )


def _say(message: str) -> None:
    # Standard output is worker.log, which may lie on a full disk.
    with contextlib.suppress(OSError):
        print(message, flush=True)
