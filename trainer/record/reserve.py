"""Disk space that a worker reserves, so that commands and their answers can be written when the disk is full."""

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

T = TypeVar("T")


def keep_reserve(run: Run) -> None:
    """Fill the reserve, as far as there is disk space."""
    with contextlib.suppress(OSError):
        descriptor = open_whole(run.path, run.reserve)
        try:
            if os.fstat(descriptor).st_size < SIZE:
                os.posix_fallocate(descriptor, 0, SIZE)
        finally:
            os.close(descriptor)


def drop_reserve(run: Run) -> None:
    """Remove the reserve of a run that has ended."""
    remove(run.path, run.reserve)


def write_in_any_case(run: Run, write: Callable[[], T]) -> T:
    """Call `write`; on a full disk, free one block of the reserve after the other until it succeeds. Raises OSError."""
    while True:
        try:
            return write()
        except OSError as error:
            # Another file may take what is freed here, as the run's own streams want room too.
            if error.errno not in NO_ROOM or not _free_block(run):
                raise


def _free_block(run: Run) -> bool:
    """Free one block; whether the reserve had one."""
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
