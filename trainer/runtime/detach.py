"""Leaving the process that started this one behind."""

from __future__ import annotations

import os
from collections.abc import Callable


def detach() -> Callable[[], None]:
    """Go on as a child that nobody waits for; returns what to call when the run has begun.

    The process that was started ends then, with 0; if the child ends first, with the child's exit code. To be called
    before there are threads, which a fork does not take along.
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

    def begun() -> None:
        os.write(told, b".")
        os.close(told)

    return begun
