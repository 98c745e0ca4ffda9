"""Signals to the process of a run."""

from __future__ import annotations

import os
import signal

from gradtop.trainer.record.status import Status, is_alive

# What a worker takes as these commands, where they cannot be put into its inbox: a second signal ends it at once.
BY_SIGNAL = {"stop": (signal.SIGTERM,), "kill": (signal.SIGTERM, signal.SIGINT)}


def send_signals(status: Status, *numbers: signal.Signals) -> bool:
    """Send signals to the process that wrote a status; False if it does not exist on this host. Raises OSError."""
    if not is_alive(status):
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


def ask_by_signal(status: Status, command: str) -> str:
    """Send the signals of a command; returns their names, "" for a command without signals or if they cannot be sent."""
    numbers = BY_SIGNAL.get(command, ())
    try:
        sent = bool(numbers) and send_signals(status, *numbers)
    except OSError:
        return ""
    return " and ".join(number.name for number in numbers) if sent else ""
