"""Reading small files whole, and detecting whether a file has changed."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable

LARGEST = 16 << 20  # bytes of a file that is read whole; ours are a thousandth of it
AT_ONCE = 16 << 10  # bytes
COARSE = 2.0  # seconds: no file system's time stamps are coarser

# Not to wait for a pipe that somebody put in a run's place, nor to make a terminal ours.
READING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def open_regular(path: str | os.PathLike[str], *, own: bool = False, folder: int | None = None) -> int:
    """A descriptor to read a regular file; `own` refuses hard and symbolic links, and files of other users. Raises OSError."""
    return open_seen(path, own=own, folder=folder)[0]


def open_seen(path: str | os.PathLike[str], *, own: bool = False, folder: int | None = None) -> tuple[int, os.stat_result]:
    """As `open_regular`, and the stat of the file. Raises OSError."""
    descriptor = os.open(path, READING | (os.O_NOFOLLOW if own else 0), dir_fd=folder)
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and (not own or (found.st_uid == os.geteuid() and found.st_nlink <= 1)):
        return descriptor, found
    os.close(descriptor)
    reason = errno.EPERM if stat.S_ISREG(found.st_mode) else errno.EINVAL
    raise OSError(reason, os.strerror(reason), os.fspath(path))


def read_file(path: str | os.PathLike[str], *, limit: int = LARGEST, own: bool = False, folder: int | None = None) -> bytes:
    """The content of a regular file. Raises OSError, also if it has more than `limit` bytes."""
    return read_seen(path, limit=limit, own=own, folder=folder)[0]


def read_seen(path: str | os.PathLike[str], *, limit: int = LARGEST, own: bool = False, folder: int | None = None) -> tuple[bytes, os.stat_result]:
    """As `read_file`, and the stat of the file from before it was read. Raises OSError."""
    descriptor, found = open_seen(path, own=own, folder=folder)
    try:
        data = os.read(descriptor, AT_ONCE)  # of most files all
        if len(data) == AT_ONCE and found.st_size <= limit:
            with open(descriptor, "rb", closefd=False) as file:
                data += file.read(limit + 1 - len(data))
    finally:
        os.close(descriptor)
    if max(len(data), found.st_size) > limit:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), os.fspath(path))
    return data, found


def look(path: str | os.PathLike[str]) -> os.stat_result:
    """The stat of a file or folder from its server: an NFS client may answer stat from its cache for up to 30 s, but asks the
    server when a file is opened. Raises OSError."""
    descriptor = os.open(path, READING)
    try:
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)


def identity(found: os.stat_result) -> tuple[int, int, int]:
    """A key that changes when a file is written or replaced, except for two changes within one tick of the file system's clock."""
    return found.st_mtime_ns, found.st_size, found.st_ino


class Stamp:
    """Detects whether a file or folder has changed since the last check.

    Two changes within one tick of the file system's clock have one time stamp. Therefore a file counts as changed for 2 s after
    a change, by the monotonic clock of this process.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: tuple[int, int, int] | None = None
        self._since = 0.0

    @property
    def was_there(self) -> bool:
        return self._seen is not None

    def moved(self, found: os.stat_result) -> bool:
        seen = identity(found)
        if seen != self._seen:
            self._seen, self._since = seen, self._monotonic()
            return True
        return self._monotonic() - self._since < COARSE
