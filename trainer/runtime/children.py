"""Stopping, resuming and ending the child processes of this process."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterable
from multiprocessing.process import BaseProcess
from pathlib import Path


def is_stopped(pid: int) -> bool:
    """Whether the process is stopped, for example by SIGSTOP."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()[0] in {b"T", b"t"}
    except (OSError, IndexError):
        return False


def resume_process(pid: int) -> None:
    """Continue the process if it is stopped."""
    if pid and is_stopped(pid):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGCONT)


def resume_children() -> None:
    """Continue stopped children; called when this process is to end and waits for them."""
    for child in multiprocessing.active_children():
        resume_process(child.pid or 0)


def end_children(children: Iterable[BaseProcess]) -> None:
    """Kill the children that are still alive."""
    for child in children:
        if child.is_alive():
            child.kill()
            child.join()


def end_all_children() -> None:
    """Kill all children before the interpreter exits: it joins each of them, and data loader processes ignore SIGTERM."""
    end_children(multiprocessing.active_children())
