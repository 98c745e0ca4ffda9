"""Whether this machine has a core to spare."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
SHORTEST = 10 / TICKS  # seconds; within fewer ticks a core that is idle may look busy


class IdleCores:
    """How many cores did nothing since the last call, or the one before where that was just now; infinite where nobody tells, and as long as nobody knows."""

    def __init__(self, path: str = "/proc/stat", monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic
        self._then, self._idle = monotonic(), self._read()
        self._found = math.inf

    def __call__(self) -> float:
        now = self._monotonic()
        if (passed := now - self._then) >= SHORTEST:
            idle = self._read()
            spare = idle - self._idle
            self._then, self._idle = now, idle
            self._found = math.inf if math.isnan(spare) else spare / passed
        return self._found

    def _read(self) -> float:
        """Seconds that all cores together have been idle, waiting for disks too; nan where the system has no such file."""
        try:
            with Path(self._path).open("rb") as stat:
                fields = stat.readline().split()
            return (int(fields[4]) + int(fields[5])) / TICKS
        except (OSError, ValueError, IndexError):
            return math.nan
