"""Recording how a worker ended, by a process that waits for it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from gradtop.trainer.record import Run, read_status
from gradtop.trainer.record.death import Death, write_death
from gradtop.trainer.runtime.memory import oom_kills
from gradtop.trainer.runtime.signals import ASKING


def note_death(run: Run, pid: int, wait_status: int, kills: int | None) -> None:
    """Write into a run how its worker ended, where the worker has not said so itself."""
    status = read_status(run)
    if status.pid != pid or not status.state.is_active:
        return
    with contextlib.suppress(OSError):
        write_death(run, Death(pid, status.pid_started, *how_ended(wait_status, kills), time.time()))


def how_ended(wait_status: int, kills: int | None) -> tuple[int, int, bool]:
    """The signal or the exit code of a process, each 0 if it is the other, and whether the kernel may have killed it for want of memory.

    `kills` is what `oom_kills` said as the process began.
    """
    code = os.waitstatus_to_exitcode(wait_status)
    now = oom_kills()
    memory = -code == signal.SIGKILL and (now is None or kills is None or now > kills)
    return max(-code, 0), max(code, 0), memory


def watch_over(run: Run) -> None:
    """Continue in a forked child; this process waits for it, records how it ended and ends with its exit code.

    Must be called before threads are started and signal handlers installed.
    """
    kills = oom_kills()
    child = os.fork()
    if not child:
        return
    # What is sent to the whole group is for the child; it is about to end then.
    for number in (*ASKING, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text("gradtop-waits", encoding="ascii")  # what `top` shows
    _, status = os.waitpid(child, 0)
    note_death(run, child, status, kills)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
