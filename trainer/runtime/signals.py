"""Signal handling: the first signal requests a stop after the current step, the second ends the process at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGINT)
# What a batch system sends some time before it ends a job (Slurm's --signal), and the kernel when the time on the processor is up.
WARNING = (signal.SIGUSR1, signal.SIGXCPU)
ASKING = (*ENDING, *WARNING)
ECHO = 0.5  # seconds in which the same signal is the same request: `timeout` sends it to the process and to its group


class EndNow(BaseException):
    """Ends the process without finishing the step; a BaseException, so that `except Exception` does not catch it."""


class Signals:
    """Requests by SIGTERM, SIGINT, SIGUSR1 and SIGXCPU; SIGHUP is ignored, as runs outlive terminals.

    A warning asks once, however often it comes. While `nothing_to_save`, the first signal ends the process at once.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.received = 0
        self.name = ""
        self.nothing_to_save = False
        self._clock = clock
        self._urged = 0
        self._last = (0, 0.0)

    def install(self) -> None:
        """Only the main thread may call this."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in ASKING:
            signal.signal(number, self._receive)

    def restore(self) -> None:
        for number in ASKING:
            signal.signal(number, signal.SIG_DFL)

    def expect_nothing_to_save(self) -> None:
        """From now to the first poll of the inbox, a signal ends the process at once. Raises EndNow if one was received."""
        self.nothing_to_save = True
        if self.received:
            raise EndNow(f"ended by {self.name} before training began")

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        echo = number == self._last[0] and self._clock() - self._last[1] < ECHO
        self._last = (number, self._clock())
        if echo or (number in WARNING and self.received):
            return
        self.received += 1
        self._urged += number in ENDING
        name = signal.Signals(number).name
        self.name = self.name or name
        if self._urged == 2:
            raise EndNow(f"ended by a second signal, {name}")
        if self._urged > 2:
            os._exit(128 + number)
        if self.nothing_to_save:
            raise EndNow(f"ended by {name} before training began")


class LastResort:
    """Ends the process on a second signal while Python code cannot run, for example in one very long operation.

    Python runs its signal handlers between bytecodes of the main thread only; the wake-up descriptor is written by
    the C handler at once, and this thread reads it.
    """

    def __init__(self, at_end: Callable[[], object], *, grace: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._at_end = at_end
        self._clock = clock
        self._grace = grace
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="signals", daemon=True)

    def start(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._thread.start()

    def close(self) -> None:
        if not self._thread.is_alive():
            return
        signal.set_wakeup_fd(-1)
        self._done.set()
        with contextlib.suppress(OSError):
            os.close(self._write)
        self._thread.join(timeout=1.0)
        with contextlib.suppress(OSError):
            os.close(self._read)

    def _watch(self) -> None:
        seen, last = 0, (0, -ECHO)
        while seen < 2:
            numbers = os.read(self._read, 64)
            if not numbers:
                return
            now = self._clock()
            for number in numbers:
                if number in ENDING and not (number == last[0] and now - last[1] < ECHO):
                    seen, last = seen + 1, (number, now)
        if not self._done.wait(self._grace):
            self._at_end()
            os._exit(128 + signal.SIGTERM)
