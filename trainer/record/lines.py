"""Lines of a file that others append to, from wherever the reading begins; each read is bounded, whatever the size of the file."""

from __future__ import annotations

import os
from collections.abc import Callable

from gradtop.trainer.record.files import open_regular

BLOCK = 64 * 1024  # bytes in which the last lines are looked for


class LineReader:
    """`read` returns the lines since the last call, `rest` one that has no end (yet). `number` is how many were read.

    It reads `block` bytes at a time, and of a line longer than that keeps the end. `begin` gives the place of the first line from descriptor and
    size. A file that was replaced or cut short, as by a rotation, is read from its beginning.
    """

    def __init__(self, path: str | os.PathLike[str], block: int, *, begin: Callable[[int, int], int] | None = None) -> None:
        self.number = 0
        self.is_whole = True  # whether the last call has read all that was there
        self._path, self._block, self._begin = path, block, begin
        self._inode, self._offset = -1, 0
        self._torn = b""

    @property
    def is_there(self) -> bool:
        """Whether there has been a file."""
        return self._inode >= 0

    def read(self) -> list[bytes]:
        """No lines where there is no file, or it cannot be read."""
        self.is_whole = True
        try:
            descriptor = open_regular(self._path)
        except OSError:
            return []
        try:
            found = os.fstat(descriptor)
            if found.st_ino != self._inode or found.st_size < self._offset:
                self._offset = self._begin(descriptor, found.st_size) if self._begin is not None and not self.is_there else 0
                self._inode, self.number, self._torn = found.st_ino, 0, b""
            data = os.pread(descriptor, self._block, self._offset)
        except OSError:
            return []
        finally:
            os.close(descriptor)
        self._offset += len(data)
        self.is_whole = self._offset >= found.st_size or not data
        *lines, self._torn = (self._torn + data).split(b"\n")
        self._torn = self._torn[-self._block :]
        self.number += len(lines)
        return lines

    def rest(self) -> list[bytes]:
        torn, self._torn = self._torn, b""
        return [torn] if torn else []


def start_of_last(lines: int, descriptor: int, size: int) -> int:
    """Where the last so many lines begin. Raises OSError."""
    end, wanted = size, lines
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        wanted -= 1  # the last one has no end
    while end > 0:
        begin = max(0, end - BLOCK)
        place = end - begin
        block = os.pread(descriptor, place, begin)
        while (place := block.rfind(b"\n", 0, place)) >= 0:
            if wanted == 0:
                return begin + place + 1
            wanted -= 1
        end = begin
    return 0
