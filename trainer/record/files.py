"""Small files, read whole, and the stamps that tell whether there is anything new."""

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
    """A descriptor to read an ordinary file; `own` refuses links of both kinds and files of other users. Raises OSError."""
    return open_seen(path, own=own, folder=folder)[0]


def open_seen(path: str | os.PathLike[str], *, own: bool = False, folder: int | None = None) -> tuple[int, os.stat_result]:
    """The same, and the state of the file."""
    descriptor = os.open(path, READING | (os.O_NOFOLLOW if own else 0), dir_fd=folder)
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and (not own or (found.st_uid == os.geteuid() and found.st_nlink <= 1)):
        return descriptor, found
    os.close(descriptor)
    reason = errno.EPERM if stat.S_ISREG(found.st_mode) else errno.EINVAL
    raise OSError(reason, os.strerror(reason), os.fspath(path))


def read_file(path: str | os.PathLike[str], *, limit: int = LARGEST, own: bool = False, folder: int | None = None) -> bytes:
    """The whole of an ordinary file; raises OSError, for one above `limit` bytes too."""
    return read_seen(path, limit=limit, own=own, folder=folder)[0]


def read_seen(path: str | os.PathLike[str], *, limit: int = LARGEST, own: bool = False, folder: int | None = None) -> tuple[bytes, os.stat_result]:
    """The same, and the state that the file was in before it was read."""
    descriptor, found = open_seen(path, own=own, folder=folder)
    try:
        data = os.read(descriptor, AT_ONCE)  # of most files all
        if len(data) == AT_ONCE:
            with open(descriptor, "rb", closefd=False) as file:
                data += file.read(limit + 1 - len(data))
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), os.fspath(path))
    return data, found


def look(path: str | os.PathLike[str]) -> os.stat_result:
    """The state of a file or folder as its server has it: a client of NFS answers a mere stat from memory for up to half a
    minute, but asks when a file is opened. Raises OSError."""
    descriptor = os.open(path, READING)
    try:
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)


def identity(found: os.stat_result) -> tuple[int, int, int]:
    """What changes when a file is written or replaced, but for two changes within one tick of the file system's clock."""
    return found.st_mtime_ns, found.st_size, found.st_ino


class Stamp:
    """Whether a file or folder has changed since it was last looked at.

    Two changes within one tick of the file system's clock leave one time stamp: after a change it counts as changed for two
    more seconds by our own clock, which no other clock can disturb.
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
