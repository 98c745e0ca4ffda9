"""The size limit of a run's streams: how much less often to measure as they grow."""

from __future__ import annotations

import os

from gradtop.trainer.record import Run

MOST_DOUBLINGS = 30


class SizeLimit:
    """Counts the bytes written; the sampling period doubles at half of the limit, and again at half of what then remains."""

    def __init__(self, maximum: int, written: int = 0) -> None:
        self._maximum = maximum
        self.written = written
        self._next = maximum / 2
        self.stretch = 1
        self.wrote(0)

    def wrote(self, size: int) -> bool:
        """Whether the period was doubled for the first time."""
        self.written += size
        first = False
        while self.written >= self._next and self.stretch < 1 << MOST_DOUBLINGS:
            first = first or self.stretch == 1
            self.stretch *= 2
            self._next += (self._maximum - self._next) / 2
        return first


def size_of_streams(run: Run) -> int:
    """Bytes that earlier processes of the run have written; 0 where that cannot be seen."""
    try:
        with os.scandir(run.streams) as entries:
            return sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
    except OSError:
        return 0
