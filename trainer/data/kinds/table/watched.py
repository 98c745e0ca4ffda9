"""Files that pyarrow reads in a thread of its own, while this one says how far that is, and may end it."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from gradtop.trainer.runtime.preparing import EVERY, telling

MIB = 1 << 20


class CountedFile(io.FileIO):
    """Counts the bytes that are read; once it is `ended` a read fails."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.taken, self.ended = 0, False

    def read(self, size: int | None = -1, /) -> bytes:
        if self.ended:
            raise OSError("nobody waits for it any more")
        found = super().read(-1 if size is None else size) or b""
        self.taken += len(found)
        return found


def read_watched(path: Path, of: int, read: Callable[[CountedFile], Any]) -> Any:
    """What `read` makes of the file, of which it takes about `of` bytes. Raises what it raises, and what ends the preparation."""
    tell = telling(f"reading {path.name}, MiB")
    with CountedFile(path) as file, ThreadPoolExecutor(1) as thread:
        future = thread.submit(read, file)
        try:
            while not future.done():
                tell(min(file.taken, of) // MIB, of // MIB)
                wait([future], EVERY)
        except BaseException:
            file.ended = True  # at its next read; what is read so far is parsed in moments
            raise
        tell(-1, 0)
        return future.result()
