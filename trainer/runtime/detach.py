"""Detaching from the parent process."""

from __future__ import annotations

import os
from collections.abc import Callable


def detach(between: Callable[[], object] = lambda: None) -> Callable[[], None]:
    """Continue in a forked child; returns what to call once the run has begun.

    The parent then exits with 0; if the child ends first, with its exit code. Must be called
    before threads are started, since a fork copies none. `between` is called in the child and may fork again.
    """
    heard, told = os.pipe()
    child = os.fork()
    if child:
        os.close(told)
        if os.read(heard, 1):
            os._exit(0)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF or 1)
    os.close(heard)
    between()

    def begun() -> None:
        os.write(told, b".")
        os.close(told)

    return begun
