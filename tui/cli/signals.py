"""A command that waits for its run in the foreground hands on to the worker what asks it to end."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtop.trainer.record import Run

# As `docker stop`, `kill` and Slurm send them; Ctrl+C leaves the command alone, and a terminal that closes does too.
PASSED_ON = (signal.SIGTERM, signal.SIGUSR1, signal.SIGXCPU)


class PassOn:
    """What came is sent to the process that trains the run, or that will; `last` is its number, 0 for none."""

    def __init__(self, run: Run) -> None:
        self.last = 0
        self._run = run
        self._waiting: list[int] = []

    def install(self) -> None:
        for number in PASSED_ON:
            signal.signal(number, self._receive)

    def deliver(self) -> None:
        """Send what came while there was no process yet."""
        from gradtop.trainer.record import is_alive, read_status, send

        status = read_status(self._run)
        if not self._waiting or not status.state.is_active:
            return
        alive = is_alive(status)
        if alive:
            for number in self._waiting:
                os.kill(status.pid, number)
        elif alive is None:
            send(self._run, "stop")
        self._waiting.clear()

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self.last = number
        self._waiting.append(number)
