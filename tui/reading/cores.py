"""Whether this machine has a core to spare."""

from __future__ import annotations

import os
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class IdleCores:
    """How many cores did nothing since the last call; infinite where nobody tells."""

    def __init__(self, path: str = "/proc/stat") -> None:
        self._path = path
        self._then = time.monotonic()
        self._idle = self._read()

    def __call__(self) -> float:
        now, idle = time.monotonic(), self._read()
        passed, spare = now - self._then, idle - self._idle
        self._then, self._idle = now, idle
        return spare / passed if passed > 0 and spare == spare else float("inf")

    def _read(self) -> float:
        """Seconds that all cores together have been idle, waiting for disks too; nan where the system has no such file."""
        try:
            with Path(self._path).open("rb") as stat:
                fields = stat.readline().split()
            return (int(fields[4]) + int(fields[5])) / TICKS
        except (OSError, ValueError, IndexError):
            return float("nan")
