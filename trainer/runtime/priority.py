"""Giving way to other processes, in a way that can be taken back without any privilege."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def in_the_background() -> Iterator[None]:
    """Run only where no other process wants the processor, as far as this system lets us come back from there.

    Leaving SCHED_IDLE needs a privilege on many systems, so one short-lived thread tries first (the policy belongs
    to a thread, not to the process); SCHED_BATCH, which only yields to processes that wake up, can always be left.
    """
    if not hasattr(os, "sched_setscheduler"):
        yield
        return
    policy = os.SCHED_IDLE if _can_leave(os.SCHED_IDLE) else os.SCHED_BATCH
    _set(0, policy)
    try:
        yield
    finally:
        leave_the_background()


def leave_the_background() -> None:
    """Be an ordinary process again; any thread may say so, for all of them."""
    if hasattr(os, "sched_setscheduler"):
        # Threads that were started meanwhile, those of OpenMP among them, have inherited the policy.
        for thread in os.listdir("/proc/self/task"):
            _set(int(thread), os.SCHED_OTHER)


def _can_leave(policy: int) -> bool:
    left: list[bool] = []

    def attempt() -> None:
        left.append(_set(0, policy) and _set(0, os.SCHED_OTHER))

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return left == [True]


def _set(thread: int, policy: int) -> bool:
    try:
        os.sched_setscheduler(thread, policy, os.sched_param(0))
    except OSError:
        return False
    return True
