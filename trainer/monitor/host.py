"""What the host of a training does, beside it and for it: processor, memory, disks and network."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import psutil

from gradtop.trainer.record.streams.registry import (
    DISK_READ,
    DISK_WRITTEN,
    HOST_CPU,
    HOST_MEMORY,
    NET_RECEIVED,
    NET_SENT,
)

HOST = (HOST_CPU, HOST_MEMORY, DISK_READ, DISK_WRITTEN, NET_RECEIVED, NET_SENT)
NAN = math.nan


class HostReader:
    """Values of the columns `HOST`; NaN for what this system does not tell. 100 % of the processor is one core.

    Rates are means since the last `read`. `unavailable` has the reason for each column that could not be read.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.unavailable: dict[str, str] = {}
        self.cores = psutil.cpu_count() or 1
        self.memory_total = float(psutil.virtual_memory().total)
        self._clock = clock
        self._then = (clock(), *self._counters())

    def read(self) -> tuple[float, ...]:
        now = (self._clock(), *self._counters())
        passed = now[0] - self._then[0]
        busy, *rates = ((new - old) / passed if passed > 0 else NAN for old, new in zip(self._then[1:], now[1:], strict=True))
        self._then = now
        busy = min(busy, float(self.cores))  # the kernel counts in ticks, which a short time has one too many of
        return (100 * busy, self._number(lambda: psutil.virtual_memory().used, HOST_MEMORY), *rates)

    def _counters(self) -> tuple[float, ...]:
        """Seconds that cores were busy, and bytes read, written, received and sent, all since the start of the host."""
        disks = self._try(psutil.disk_io_counters, DISK_READ, DISK_WRITTEN)
        net = self._try(psutil.net_io_counters, NET_RECEIVED, NET_SENT)
        return (
            self._number(busy_seconds, HOST_CPU),
            *((disks.read_bytes, disks.write_bytes) if disks else (NAN, NAN)),
            *((net.bytes_recv, net.bytes_sent) if net else (NAN, NAN)),
        )

    def _number(self, read: Callable[[], float], column: str) -> float:
        found = self._try(read, column)
        return NAN if found is None else float(found)

    def _try(self, read: Callable[[], Any], *columns: str) -> Any:
        """What `read` returns; None, and noted why, where this system does not tell."""
        try:
            found, why = read(), "it has no such device"
        except (psutil.Error, OSError, ValueError) as error:  # a container may hide each of them
            found, why = None, str(error)
        if found is None:
            self.unavailable.update({column: f"this system does not tell: {why}" for column in columns if column not in self.unavailable})
        return found


def busy_seconds() -> float:
    """Of all cores together, since the start of the host; what waits for a disk is idle."""
    times = psutil.cpu_times()._asdict()
    # Linux counts the time of guests as that of users too.
    return float(sum(seconds for kind, seconds in times.items() if kind not in {"idle", "iowait", "guest", "guest_nice"}))
