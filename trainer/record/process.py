"""Signals to the process of a run."""

from __future__ import annotations

import os
import signal

from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.status import Status, is_alive

# What a worker takes as these commands, where they cannot be put into its inbox: a second signal ends it at once.
BY_SIGNAL = {"stop": (signal.SIGTERM,), "kill": (signal.SIGTERM, signal.SIGINT)}


def send_signals(run: Run, status: Status, *numbers: signal.Signals) -> bool:
    """Send signals to the process that works on a run; False if it does not exist on this host. Raises OSError."""
    if not is_alive(status) or not _has_open(run, status.pid):
        return False
    descriptor = os.pidfd_open(status.pid)
    try:
        # It may have ended before that, and another process have its number.
        if not is_alive(status):
            return False
        for number in numbers:
            signal.pidfd_send_signal(descriptor, number)
    finally:
        os.close(descriptor)
    return True


def _has_open(run: Run, pid: int) -> bool:
    """Whether a process has the directory of the run open, as its worker has; in a copy of a run the status names the worker of another."""
    try:
        here = os.stat(run.path)
        with os.scandir(f"/proc/{pid}/fd") as opened:
            return any(_is_at(entry, here) for entry in opened)
    except OSError:
        return True  # nobody can tell


def _is_at(entry: os.DirEntry[str], place: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(entry.path), place)
    except OSError:
        return False


def ask_by_signal(run: Run, status: Status, command: str) -> str:
    """Send the signals of a command; returns their names, "" for a command without signals or if they cannot be sent."""
    numbers = BY_SIGNAL.get(command, ())
    try:
        sent = bool(numbers) and send_signals(run, status, *numbers)
    except OSError:
        return ""
    return " and ".join(number.name for number in numbers) if sent else ""
