"""What was found out about files once is kept for whatever run has the same: in a folder of its own, by names, sizes and times of the files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gradtop.trainer.record.writing import remove_leftovers, write_atomically

MOST_FILES, MOST_BYTES = 64, 256 << 20  # of all that is kept; what was used longest ago goes first
LARGEST = 64 << 20  # bytes of one


def cache_home() -> Path:
    """Where gradtop keeps what it can make again."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".cache") / "gradtop"


def stamp_of(path: str) -> str:
    """What a file is recognised by: its path, its size, and when it and its directory entry were changed last. "" where it cannot be looked at."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path takes 3 µs more, and files may be a million
    except OSError:
        return ""
    return f"{path}\0{found.st_size}\0{found.st_mtime_ns}\0{found.st_ctime_ns}"


def prepared(name: str, stamps: Iterable[str], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` returns, as JSON has it, or returned when all `stamps` were the same. An error of `make` is raised, and nothing kept."""
    digest = hashlib.blake2b(digest_size=16)
    for stamp in stamps:
        digest.update(stamp.encode(errors="surrogateescape") + b"\n")
    folder = cache_home() / "prepared"
    path = folder / f"{name}-{digest.hexdigest()}.json"
    if (known := _read(path)) is not None:
        return known
    made = make()
    text = json.dumps(made)
    if len(text) <= LARGEST:
        with contextlib.suppress(OSError):  # it is made again next time
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomically(folder, path, text)
            forget(folder)
    return made


def _read(path: Path) -> dict[str, Any] | None:
    try:
        if path.stat().st_size > LARGEST:
            return None
        found = json.loads(path.read_bytes())
        os.utime(path)  # it was used
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def forget(folder: Path, *, pattern: str = "*.json", most_files: int = MOST_FILES, most_bytes: int = MOST_BYTES) -> None:
    """Remove what was used longest ago, until so much is left, and what processes left that were killed while they wrote. Raises OSError."""
    remove_leftovers(folder, time.time())
    kept = size = 0
    there = sorted(((found.st_mtime_ns, found.st_size, path) for path in folder.glob(pattern) if (found := path.stat())), reverse=True)
    for _, bytes_of_it, path in there:
        kept, size = kept + 1, size + bytes_of_it
        if kept > most_files or size > most_bytes:
            path.unlink(missing_ok=True)
