"""When an app that a pilot drives has nothing to do."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

LOOK_EVERY = 0.005
# CPU time between two looks that an idle app may take, for what wakes up to find nothing.
IDLE = 0.001


async def wait_for_idle(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
    """In place of Textual's, whose looks are 20 ms apart, and which takes threads that wait for a core, beside other load, for idle."""
    start = time.monotonic()
    while True:
        used = time.process_time()
        await asyncio.sleep(LOOK_EVERY)
        passed = time.monotonic() - start
        if passed >= max_sleep or (passed > min_sleep and time.process_time() - used < IDLE and not another_thread_runs()):
            return


def another_thread_runs() -> bool:
    """Whether a thread beside this one has a core, wants one, or waits for a disk."""
    own = str(threading.get_native_id())
    return any(state_of(task) in "RD" for task in Path("/proc/self/task").iterdir() if task.name != own)


def state_of(task: Path) -> str:
    try:
        return (task / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"  # it has ended since it was listed
