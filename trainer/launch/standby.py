"""The screen's side of a warm worker, one that has imported PyTorch and waits for a run."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable

from gradtop.trainer.launch.detached import spawn, start_anew
from gradtop.trainer.launch.origin import current_directory
from gradtop.trainer.record import Run

# A ready worker takes a run within milliseconds; one that does not is stopped, or swapped out for good.
TAKES = 10.0


class Standby:
    """A worker kept warm; it ends with this process, or with `close`, unless it was given a run.

    It says `ready PID`, and `begun` when the run that it was given shows as starting; the end of its output says that
    it is dead. Everything may be called from any thread.
    """

    def __init__(self, *, spawn: Callable[..., int] = spawn) -> None:
        self._spawn = spawn
        self._lock = threading.Lock()
        self._orders = self._answers = -1
        self._heard = b""
        self._dead = False

    def start(self) -> None:
        """Start it; getting ready takes it seconds, in the background. Raises OSError."""
        ears, orders = os.pipe()
        answers, mouth = os.pipe()
        try:
            failed = self._spawn(["--standby"], stdin=ears, stdout=mouth, stderr=subprocess.DEVNULL)
        except OSError:
            os.close(orders)
            os.close(answers)
            raise
        finally:
            os.close(ears)
            os.close(mouth)
        with self._lock:
            self._orders, self._answers, self._dead = orders, answers, failed != 0

    @property
    def ready(self) -> bool:
        with self._lock:
            self._listen(0.0)
            return b"ready" in self._heard and not self._dead

    @property
    def pid(self) -> int:
        """Of a standby that is ready; else 0."""
        with self._lock:
            self._listen(0.0)
            words = self._heard.partition(b"\n")[0].split()
            return int(words[1]) if len(words) == 2 and not self._dead else 0

    def give(self, run: Run, resume: bool = False) -> bool:
        """Have it train `run` from now on; False where it cannot, and then it never will.

        One that still gets ready takes the run when it is: it has come further than a worker that would start now.
        Should it end before, another is started for the run.
        """
        ready = self.ready
        with self._lock:
            if self._dead or self._orders < 0 or not self._send(run, resume):
                return False
            orders, self._orders = self._orders, -1
        os.close(orders)
        if not ready:
            threading.Thread(target=self._see_it_begin, args=(run, resume), name="standby", daemon=True).start()
            return True
        begun = self._begins(TAKES)
        self.close()
        return begun

    def close(self) -> None:
        """End it, unless it was given a run."""
        with self._lock:
            for descriptor in (self._orders, self._answers):
                if descriptor >= 0:
                    os.close(descriptor)
            self._orders = self._answers = -1
            self._dead = True

    def _send(self, run: Run, resume: bool) -> bool:
        order = {"run": os.fspath(run.path), "resume": resume, "cwd": current_directory(), "env": dict(os.environ)}
        line = memoryview(json.dumps(order).encode() + b"\n")
        try:
            while line:
                line = line[os.write(self._orders, line) :]
        except OSError:
            return False
        return True

    def _begins(self, timeout: float) -> bool:
        """Whether it has begun within the time; one that has not is made sure never to."""
        until = time.monotonic() + timeout
        while True:
            with self._lock:
                self._listen(max(until - time.monotonic(), 0.0))
                if b"begun" in self._heard or self._dead:
                    return b"begun" in self._heard
            if time.monotonic() >= until:
                break
        if pid := self.pid:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        return False

    def _see_it_begin(self, run: Run, resume: bool) -> None:
        begun = False
        while not begun and not self._dead:
            with self._lock:
                self._listen(None)
                begun = b"begun" in self._heard
        self.close()
        if not begun:
            # A failure stands in the run's status and its log.
            with contextlib.suppress(OSError):
                start_anew(run, resume=resume)

    def _listen(self, timeout: float | None) -> None:
        """Take in what it has said within the time; None waits until it says something."""
        while not self._dead and self._answers >= 0:
            if not select.select([self._answers], [], [], timeout)[0]:
                return
            said = os.read(self._answers, 4096)
            self._heard += said
            self._dead = not said
            timeout = 0.0
