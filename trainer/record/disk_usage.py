"""What disk space directories take."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

SECTOR = 512  # bytes in which stat counts


def freed_by(paths: Iterable[str | os.PathLike[str]]) -> int:
    """The bytes that are free once all of these directories are removed: a file that has a name elsewhere, as the checkpoint of a fork may have, stays.

    What cannot be read is left out; links are not followed.
    """
    total, linked = 0, dict[tuple[int, int], list[int]]()
    for path in paths:
        for folder, _, names in os.walk(path):
            for place in (folder, *(f"{folder}/{name}" for name in names)):
                try:
                    found = os.lstat(place)
                except OSError:
                    continue
                if stat.S_ISDIR(found.st_mode) or found.st_nlink == 1:
                    total += SECTOR * found.st_blocks
                else:
                    linked.setdefault((found.st_dev, found.st_ino), [found.st_nlink, SECTOR * found.st_blocks])[0] -= 1
    return total + sum(size for others, size in linked.values() if others <= 0)
