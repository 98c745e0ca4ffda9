"""Room that a worker keeps on the disk, so that commands and their answers can be written when the disk is full."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from typing import TypeVar

from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.writing import open_whole, remove

SIZE = 64 << 10
BLOCK = 4 << 10  # what a file system gives at a time, of most
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
FLAGS = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Result = TypeVar("Result")


def keep_reserve(run: Run) -> None:
    """Make the reserve whole, where there is room."""
    with contextlib.suppress(OSError):
        descriptor = open_whole(run.path, run.reserve)
        try:
            if os.fstat(descriptor).st_size < SIZE:
                os.posix_fallocate(descriptor, 0, SIZE)
        finally:
            os.close(descriptor)


def drop_reserve(run: Run) -> None:
    """A run that has ended needs none."""
    remove(run.path, run.reserve)


def write_in_any_case(run: Run, write: Callable[[], Result]) -> Result:
    """Write something small; on a full disk, into a block of the reserve. Raises OSError."""
    while True:
        try:
            return write()
        except OSError as error:
            # Another file may take what is freed here, as the run's own streams want room too.
            if error.errno not in NO_ROOM or not _free_block(run):
                raise


def _free_block(run: Run) -> bool:
    """Whether the reserve had one."""
    try:
        descriptor = os.open(run.reserve, FLAGS)
    except OSError:
        return False
    try:
        left = os.fstat(descriptor).st_size
        if left:
            os.ftruncate(descriptor, max(left - BLOCK, 0))
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return left > 0
