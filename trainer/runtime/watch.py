"""Handles stop and kill while a job does not poll its inbox: during a very long step, start or wait."""

from __future__ import annotations

import contextlib
import faulthandler
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from gradtop.trainer.record import EventKind, StreamWriter
from gradtop.trainer.runtime.children import resume_children
from gradtop.trainer.runtime.control import Control
from gradtop.trainer.runtime.progress import Progress

PATIENCE = 2.0  # seconds in which the job itself should answer
WARN_AFTER = 60.0  # seconds after which it is said where the job is, where no step before has taken a tenth of that
TIMES = 10.0


class ControlWatch:
    """`look` is called periodically from another thread and calls `end` when the end of the process was requested."""

    def __init__(
        self,
        control: Control,
        progress: Progress,
        writer: StreamWriter,
        end: Callable[[str], object],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Must be created by the thread that runs the job."""
        self._control, self._progress, self._writer, self._end, self._clock = control, progress, writer, end, clock
        self._job = threading.get_ident()
        self._looks = -1
        self._since = clock()
        self._longest = 0.0
        self._warning = ""

    def look(self) -> None:
        now = self._clock()
        if self._control.looks != self._looks:
            if self._looks > 0:
                self._longest = max(self._longest, now - self._since)
            self._looks, self._since = self._control.looks, now
            self._take_back()
            return
        waited = now - self._since
        if waited < PATIENCE:
            return
        request = self._control.overhear(self._progress.status.step)
        if request.at_once:
            self._end(f"ended by {request.by} {self._place()}")
        elif request.by:
            # A process that reads its data may have been stopped, and the job wait for what it was about to hand over.
            resume_children()
        if not self._warning and waited > max(WARN_AFTER, TIMES * self._longest):
            self._say(waited)

    def _say(self, waited: float) -> None:
        status = self._progress.status
        what = f"step {status.step + 1}" if self._looks > 0 else "the start"
        self._warning = f"{what} has taken {waited:.0f} s so far, {self._place()}; worker.log has the trace; gradtop stop ends the run after it"
        self._writer.event(EventKind.WARNING, step=status.step, message=self._warning)
        self._progress.update(warning=self._warning)
        # The log may lie on a full disk.
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            print(self._warning, file=sys.stderr, flush=True)
            faulthandler.dump_traceback(all_threads=True)

    def _take_back(self) -> None:
        if self._warning and self._progress.status.warning == self._warning:
            self._progress.update(warning="")
        self._warning = ""

    def _place(self) -> str:
        """The current frame of the job, such as "in read, socket.py line 706"."""
        frame = sys._current_frames().get(self._job)  # noqa: SLF001 - what faulthandler prints, as data
        if frame is None:
            return "in an unknown place"
        return f"in {frame.f_code.co_name}, {Path(frame.f_code.co_filename).name} line {frame.f_lineno}"
