"""Processes that work for this one, as far as they must be looked after."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterable
from multiprocessing.process import BaseProcess
from pathlib import Path


def is_stopped(pid: int) -> bool:
    """Whether a signal such as SIGSTOP holds it."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()[0] in {b"T", b"t"}
    except (OSError, IndexError):
        return False


def resume_process(pid: int) -> None:
    """Let it go on where it is stopped."""
    if pid and is_stopped(pid):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGCONT)


def resume_children() -> None:
    """Let the children of this process go on, which waits for them and has been asked to end."""
    for child in multiprocessing.active_children():
        resume_process(child.pid or 0)


def end_children(children: Iterable[BaseProcess]) -> None:
    """Kill those that still live."""
    for child in children:
        if child.is_alive():
            child.kill()
            child.join()


def end_all_children() -> None:
    """Before the interpreter ends, which waits for each child, and a process that reads data ignores what asks it to end."""
    end_children(multiprocessing.active_children())
