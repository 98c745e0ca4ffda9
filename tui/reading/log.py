"""The end of a run's worker.log, read again when it grew."""

from __future__ import annotations

import time
from collections.abc import Callable

from gradtop.trainer.record import Run, RunReader
from gradtop.trainer.record.files import Stamp, look
from gradtop.trainer.record.log import LOG_END
from gradtop.tui.reading.snapshot import LogPart

LINES = 2000


class LogTail:
    """One run's log; `read` gives the same LogPart as long as nothing came. A log that is not there (yet) has no lines."""

    def __init__(self, run: Run, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.run = run
        self._reader = RunReader(run)
        self._stamp = Stamp(monotonic)
        self._part = LogPart(run)

    def read(self) -> LogPart:
        try:
            found = look(self.run.log)
        except OSError:
            return self._part
        if self._stamp.moved(found):
            lines = tuple(self._reader.log_tail(LINES))
            part = LogPart(self.run, lines, cut=found.st_size > LOG_END or len(lines) == LINES)
            if part != self._part:
                self._part = part
        return self._part
