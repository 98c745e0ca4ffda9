"""How much memory this process may take, and has taken at most."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
PEAK = "5"  # what resets VmHWM (proc_pid_clear_refs(5))


class Usage:
    """Memory on a device since this was made, in bytes: on a GPU what PyTorch's allocator has reserved, on a CPU the memory of the process.

    What a forked process shares with its parent, and mapped files, are nobody's use.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type != "cuda":
            self._before = _status("RssAnon")

    @property
    def free(self) -> int:
        """That a process can still have: of the GPU, or of the machine within the limit of its control group."""
        if self._device.type == "cuda":
            return int(torch.cuda.mem_get_info(self._device)[0])
        import psutil

        found = int(psutil.virtual_memory().available)
        return min([found, *_left_in_groups()])

    def begin(self) -> None:
        """From here on the peak is taken."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            return
        with contextlib.suppress(OSError):
            CLEAR.write_text(PEAK, encoding="ascii")

    @property
    def peak(self) -> int:
        """The highest use since `begin`."""
        if self._device.type == "cuda":
            return int(torch.cuda.max_memory_reserved(self._device))
        if not STATUS.exists():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        # The peak is of all resident pages; those of files only become more, so that at the peak there were no more than now.
        return max(_status("VmHWM") - _status("RssFile") - self._before, 0)

    def limit(self, size: int) -> None:
        """Let an allocation fail, as an error that can be caught, where it would take more than `size` bytes."""
        if self._device.type == "cuda":
            torch.cuda.set_per_process_memory_fraction(min(size / torch.cuda.mem_get_info(self._device)[1], 1.0), self._device)
            return
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (_status("VmData") + size, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _status(name: str) -> int:
    """A line of /proc/self/status in bytes; 0 where there is none."""
    with contextlib.suppress(OSError):
        for line in STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return 0


def _left_in_groups() -> Iterator[int]:
    """What the control groups (version 2) that hold this process leave it."""
    with contextlib.suppress(OSError, ValueError):
        group = next(line for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines() if line.startswith("0::"))[3:].strip("/")
        place = Path("/sys/fs/cgroup") / group
        while place.is_relative_to("/sys/fs/cgroup"):
            with contextlib.suppress(OSError, ValueError):
                yield max(int((place / "memory.max").read_text()) - int((place / "memory.current").read_text()), 0)
            place = place.parent
