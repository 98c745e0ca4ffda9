"""Signals as requests: the first asks training to stop after its step, the second ends the process at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGINT)


class EndNow(BaseException):
    """Ends the process without finishing the step; not an Exception, so that nothing on the way swallows it."""


class Signals:
    """What the process was asked to do by SIGTERM and SIGINT; SIGHUP is ignored, as no terminal owns a run."""

    def __init__(self) -> None:
        self.received = 0
        self.name = ""

    def install(self) -> None:
        """Only the main thread may call this."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in ENDING:
            signal.signal(number, self._receive)

    def restore(self) -> None:
        for number in ENDING:
            signal.signal(number, signal.SIG_DFL)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self.received += 1
        self.name = signal.Signals(number).name
        if self.received == 2:
            raise EndNow(f"ended by a second {self.name}")
        if self.received > 2:
            os._exit(128 + number)


class LastResort:
    """Ends the process when a second signal cannot reach Python code, for example inside one very long operation.

    Python runs its signal handlers between bytecodes of the main thread only; the wake-up descriptor is written by
    the C handler at once, and this thread reads it.
    """

    def __init__(self, at_end: Callable[[], object], *, grace: float = 2.0) -> None:
        self._at_end = at_end
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
        seen = 0
        while seen < 2:
            numbers = os.read(self._read, 64)
            if not numbers:
                return
            seen += sum(number in ENDING for number in numbers)
        if not self._done.wait(self._grace):
            self._at_end()
            os._exit(128 + signal.SIGTERM)
