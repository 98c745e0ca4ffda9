"""What only a look at this host tells: each core, the free space of the disk, and who uses the GPU."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

BUSY = slice(0, 8)  # fields of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal
IDLE = (3, 4)
# NVML's nvmlClocksEventReasons (nvml.h). An idle GPU and clocks that the user has set are no throttling.
THROTTLE = {
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "external power brake",
}


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that has memory on the GPU: `memory` in bytes, None where the driver does not tell."""

    pid: int
    name: str
    memory: float | None


class Cores:
    """The share of each core that was busy since the last call, 0 to 1; empty where nobody tells, and at first."""

    def __init__(self, path: str = "/proc/stat") -> None:
        self._path = path
        self._then: list[tuple[int, int]] = []

    def __call__(self) -> tuple[float, ...]:
        now, then = self._read(), self._then
        self._then = now
        if len(now) != len(then):  # a core came or went
            return ()
        shares = []
        for (busy, whole), (busy_then, whole_then) in zip(now, then, strict=True):
            passed = whole - whole_then
            shares.append(min(1.0, max(0.0, (busy - busy_then) / passed)) if passed > 0 else 0.0)
        return tuple(shares)

    def _read(self) -> list[tuple[int, int]]:
        """Ticks that each core was busy, and all of its ticks."""
        try:
            lines = [line.split() for line in Path(self._path).read_text(encoding="ascii").splitlines() if line.startswith("cpu") and line[3:4].isdigit()]
            counts = [[int(field) for field in fields[1:]][BUSY] for fields in lines]
            return [(sum(each) - sum(each[place] for place in IDLE), sum(each)) for each in counts]
        except (OSError, ValueError, IndexError):
            return []


def free_space(path: Path) -> float | None:
    """Bytes that a process without privileges may still write beside `path`; None where that cannot be found."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return float(found.f_bavail * found.f_frsize)


def gpu_processes(uuid: str) -> tuple[tuple[GpuProcess, ...], str]:
    """The processes on the GPU of this identity, the largest first, or why they are not known."""
    try:
        import pynvml

        pynvml.nvmlInit()
        running = pynvml.nvmlDeviceGetComputeRunningProcesses(pynvml.nvmlDeviceGetHandleByUUID(uuid))
    except Exception as error:  # noqa: BLE001 - no driver, no library, no permission, each in its own way
        return (), f"NVML does not work here ({error})"
    found = [GpuProcess(each.pid, command(each.pid), each.usedGpuMemory) for each in running]
    return tuple(sorted(found, key=lambda each: -(each.memory or 0))), ""


def throttled(mask: float) -> list[str]:
    """Why the clocks are lower than they could be."""
    if not math.isfinite(mask) or mask < 0:
        return []
    return [words for bit, words in THROTTLE.items() if int(mask) & bit]


def command(pid: int) -> str:
    """What a process is called; "" for one of another container."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
