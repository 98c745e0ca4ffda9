"""The location of a run directory that is in use: it may be moved or deleted at any time."""

from __future__ import annotations

import enum
import os
from pathlib import Path

from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.writing import make_folder


def restore_folder(run: Run, folder: Path) -> None:
    """Create anew a folder that somebody has deleted from a run; not while the run itself is being deleted. Raises OSError."""
    if run.config.exists():
        make_folder(run.path, folder)


class Location(enum.Enum):
    HERE = enum.auto()
    MOVED = enum.auto()
    GONE = enum.auto()


class LocationTracker:
    """Holds a descriptor of a run directory and follows it: after a move, the run has its new path."""

    def __init__(self, run: Run) -> None:
        """Raises OSError."""
        self._run = run
        self._descriptor = os.open(run.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._configured = run.config.exists()
        self._missed = 0

    def find(self) -> Location:
        """Check the location. MOVED is returned once per move; GONE if the directory was deleted, is being deleted, or cannot be found."""
        try:
            here = self._is_at(self._run.path)
            deleted = os.fstat(self._descriptor).st_nlink == 0
        except OSError:
            return self._miss()
        if here:
            # Nothing of ours removes run.toml: who deletes a directory has begun with what lies in it.
            return self._miss() if self._configured and not self._run.config.exists() else self._hit()
        moved = None if deleted else self._path_now()
        if moved is None:
            return self._miss()
        self._run.move(moved)
        self._hit()
        return Location.MOVED

    def _is_at(self, path: Path) -> bool:
        """Whether the directory is at this path. Raises OSError if that cannot be determined."""
        try:
            return os.path.samestat(os.stat(path), os.fstat(self._descriptor))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _path_now(self) -> Path | None:
        """The path from the kernel; None where it has none, as for a directory that another host has moved."""
        try:
            path = Path(os.readlink(f"/proc/self/fd/{self._descriptor}"))
            return path if self._is_at(path) else None
        except OSError:
            return None

    def _hit(self) -> Location:
        self._missed = 0
        return Location.HERE

    def _miss(self) -> Location:
        # Once may be the moment between two steps of whoever renames it, or of a file server.
        self._missed += 1
        return Location.GONE if self._missed > 1 else Location.HERE

    def close(self) -> None:
        os.close(self._descriptor)
