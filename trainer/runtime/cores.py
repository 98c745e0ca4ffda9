"""The number of usable CPU cores."""

from __future__ import annotations

import os


def cores() -> int:
    """The number of cores in the CPU affinity of this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
