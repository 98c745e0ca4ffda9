"""`python -P -m gradtop.trainer.launch.queue RUN_DIR`: waits for the device, then for the torch server, which forks the run's worker."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

from gradtop.trainer.record import (
    Command,
    EventKind,
    Inbox,
    Run,
    RunState,
    Status,
    append_event,
    process_start,
    read_status,
    this_host,
    write_status,
)
from gradtop.trainer.record.queue import Queue
from gradtop.trainer.record.writing import open_whole
from gradtop.trainer.runtime.death import watch_over
from gradtop.trainer.runtime.detach import detach
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.lock import lock_run
from gradtop.trainer.runtime.signals import ASKING

LOOK_EVERY = 0.5
BEAT_EVERY = 5.0
LOCK = ".queue.lock"


class Left(Exception):
    """The run does not wait any more; the message is why. `asked`: by a command of gradtop's, which needs no explanation."""

    def __init__(self, why: str, *, asked: bool = False) -> None:
        super().__init__(why)
        self.asked = asked


class Waiter:
    """One run's place in the queue, or with `now` at its head. The status is this process's, and after it the worker's."""

    def __init__(self, run: Run, *, resume: bool, now: bool = False) -> None:
        self.run = run
        self.resume = resume
        self.inbox = Inbox(run)
        self.queue = Queue(run.path.parent)
        self.status = queued_status(run, resume=resume, state=RunState.STARTING if now else RunState.QUEUED)
        self._announced: list[Run] | None = None
        self._beat = 0.0
        write_status(run, self.status)

    def wait(self) -> None:
        """Return when it is this run's turn, which then shows as starting. Raises Left."""
        while True:
            self._obey()
            if self._first():
                return
            time.sleep(LOOK_EVERY)

    def hand_over(self) -> bool:
        """Have the torch server fork the worker; False where it cannot. Raises Left."""
        from gradtop.trainer.launch.server import connect_or_start, request_worker

        try:
            request_worker(connect_or_start(), self.run, resume=self.resume, predecessor=os.getpid(), importing=self._renew)
        except OSError as error:
            print(f"the worker imports PyTorch itself: {error}", flush=True)
            return False
        return True

    def _renew(self) -> None:
        """The heartbeat."""
        if time.monotonic() - self._beat >= BEAT_EVERY:
            self._beat = time.monotonic()
            self._write(self.status.state)

    def _first(self) -> bool:
        if not self.run.path.is_dir():
            raise Left("its directory was deleted")
        self._renew()
        # Under the lock nobody else takes the device between the look and the word that it is taken. Who holds it for long
        # is no reason not to obey.
        with locked(self.run.path.parent) as alone:
            if not alone:
                return False
            self.queue.refresh()
            if self.run not in self.queue.alive:
                return False
            before = self.queue.before(self.run)
            if not before:
                self._write(RunState.STARTING)
                return True
        self._announce(before)
        return False

    def _announce(self, before: list[Run]) -> None:
        if before != self._announced:
            self._announced = before
            print(f"waits for {', '.join(run.id for run in before)}", flush=True)

    def _obey(self) -> None:
        for command in self.inbox.poll():
            if command.name in {"stop", "kill"}:
                self._answer(command, True, was_queued=True)
                raise Left(f"removed from the queue by the command {command.name}", asked=True)
            self._answer(command, False, reason="is queued and does not train yet; stop removes it from the queue")

    def _answer(self, command: Command, ok: bool, **fields: object) -> None:
        with contextlib.suppress(OSError):
            append_event(self.run, EventKind.COMMAND, id=command.id, command=command.name, ok=ok, **fields)
        self.inbox.done(command)

    def _write(self, state: RunState) -> None:
        now = time.time()
        self.status = self.status._replace(state=state, updated=now)
        with contextlib.suppress(OSError):
            write_status(self.run, self.status)

    def leave(self, left: Left) -> None:
        """Say that the run is stopped; a directory that is gone wants nothing said."""
        why = str(left)
        print(why, flush=True)
        if not self.run.path.is_dir():
            return
        now = time.time()
        with contextlib.suppress(OSError):
            write_status(self.run, self.status._replace(state=RunState.STOPPED, error="" if left.asked else why, updated=now, ended=now, queued=0.0))
            append_event(self.run, EventKind.END, state=RunState.STOPPED, step=self.status.step, reason=why)


def queued_status(run: Run, *, resume: bool, state: RunState) -> Status:
    host, boot = this_host()
    now = time.time()
    earlier = read_status(run) if resume else Status()
    return earlier._replace(
        state=state, pid=os.getpid(), pid_started=process_start(os.getpid()), host=host, boot=boot, updated=now,
        queued=now if state is RunState.QUEUED else 0.0, ended=0.0, error="", warning="", samples_per_s=0.0,
    )  # fmt: skip


@contextlib.contextmanager
def locked(runs: Path) -> Iterator[bool]:
    """Whether alone with the line of this runs directory; where there are no locks, the order of the line must do."""
    try:
        descriptor = open_whole(runs, runs / LOCK)
    except OSError:
        yield True
        return
    alone = True
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            alone = False
        except OSError:
            alone = True
        yield alone
    finally:
        os.close(descriptor)


def main() -> int:
    """Returns 0 when the worker trains or the run was removed from the queue, 1 when it cannot be queued; else becomes the worker."""
    parser = argparse.ArgumentParser(prog="python -P -m gradtop.trainer.launch.queue", description="Wait in the queue, then train.")
    parser.add_argument("run")
    parser.add_argument("--resume", action="store_true", help="continue from the newest checkpoint")
    parser.add_argument("--now", action="store_true", help="do not wait for the device, only for the torch server")
    parser.add_argument("--no-server", action="store_true", help="become the worker, which imports PyTorch itself")
    parser.add_argument("--detach", action="store_true", help="return when the run is queued and continue in the background")
    options = parser.parse_args()
    run = Run(options.run)
    # Where the torch server forks the worker, it is the one that sees how that ends.
    alone = options.no_server or options.now
    begun = detach(partial(watch_over, run) if alone else lambda: None) if options.detach else lambda: None
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    how = "ended while PyTorch was imported" if options.now else "removed from the queue"

    def end(number: int, _frame: FrameType | None) -> None:
        raise Left(f"{how} by {signal.Signals(number).name}")

    for number in ASKING:
        signal.signal(number, end)
    try:
        held = lock_run(run, resume=options.resume)
        waiter = Waiter(run, resume=options.resume, now=options.now)
    except (UserError, OSError, Left) as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    try:
        begun()  # from here on signals come
        if not options.now:
            waiter.wait()
        # The worker makes its own claim; until then the status, which has this very process, keeps others away. The directory stays
        # open: by that a command tells the process of this run from that of one whose directory was copied.
        with contextlib.suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_UN)
        if not options.no_server and waiter.hand_over():
            return 0
        become_worker(run, ["--resume"] if options.resume else [])
    except Left as left:
        waiter.leave(left)
    return 0


def become_worker(run: Run, options: list[str]) -> NoReturn:
    command = [sys.executable, "-P", "-m", "gradtop.trainer", os.fspath(run.path), *options]
    os.execv(command[0], command)  # noqa: S606 - the same process, so that the status stays true


if __name__ == "__main__":
    sys.exit(main())
