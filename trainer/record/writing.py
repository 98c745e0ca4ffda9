"""All writing to files of a run goes through these functions: no link inside a run directory is followed.

Each takes the run directory, which may itself be a link, and a path in it. Files have mode 0600 and folders 0700, whatever the umask.
All raise OSError.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

FILE, FOLDER = 0o600, 0o700
WRITING = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
TEMPORARY = re.compile(r"\..+\.\d+\.[0-9a-f]{8}\.tmp")
STALE = 600.0  # seconds: what a process that was killed while it wrote has left


def make_folder(root: Path, path: Path) -> None:
    """Create a folder and its parents, where they do not exist. Raises OSError."""
    os.close(open_folder(root, path))


def open_folder(root: Path, path: Path) -> int:
    """Create a folder and its parents as `make_folder` does; returns a descriptor of it."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in path.relative_to(root).parts:
            try:
                os.mkdir(name, FOLDER, dir_fd=descriptor)
                made = True
            except FileExistsError:
                made = False
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
            if made:
                os.fchmod(descriptor, FOLDER)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def folder_of(root: Path, path: Path) -> Iterator[int]:
    """A descriptor of the parent folder of a path; raises ENOTDIR (ELOOP on some systems) if that is a link.

    An OSError names the path, where it would name no file or a temporary one.
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in path.relative_to(root).parts[:-1]:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    except OSError as error:
        if error.errno and not (isinstance(error.filename, str) and error.filename.startswith("/")):
            error.filename = os.fspath(path)
        raise
    finally:
        os.close(descriptor)


def create(root: Path, path: Path) -> int:
    """A descriptor of a new file. Raises FileExistsError."""
    with folder_of(root, path) as folder:
        return _create(path.name, folder)


def open_to_append(root: Path, path: Path) -> int:
    """A descriptor to read a file and append to it; the file is created if it does not exist.

    A file with several hard links is not written to: it is replaced by a copy first.
    """
    with folder_of(root, path) as folder:
        while True:
            try:
                return _existing(path.name, folder, os.O_RDWR | os.O_APPEND)
            except FileNotFoundError:
                with suppress(FileExistsError):
                    os.close(_create(path.name, folder))
            except OSError as error:
                if error.errno != errno.EMLINK:
                    raise
                with open(os.open(path.name, os.O_RDONLY | WRITING, dir_fd=folder), "rb") as old:
                    _replace(path.name, folder, lambda new, old=old: shutil.copyfileobj(old, new))  # type: ignore[misc]  # bound in this turn


def open_whole(root: Path, path: Path) -> int:
    """A descriptor to read and write a file in place; the file is created if it does not exist."""
    with folder_of(root, path) as folder:
        while True:
            try:
                return _existing(path.name, folder, os.O_RDWR)
            except FileNotFoundError:
                with suppress(FileExistsError):
                    return _create(path.name, folder)


def overwrite(root: Path, path: Path, text: str) -> None:
    """Overwrite a file in place, without disk space for a second one; a reader may see part of the text."""
    data = text.encode()
    with folder_of(root, path) as folder:
        descriptor = _existing(path.name, folder, os.O_WRONLY)
    try:
        os.pwrite(descriptor, data, 0)
        os.ftruncate(descriptor, len(data))
    finally:
        os.close(descriptor)


def write_atomically(root: Path, path: Path, text: str) -> None:
    """Replace a file by rename: a reader sees the old text or the new one, never part of it."""
    data = text.encode()
    with folder_of(root, path) as folder:
        _replace(path.name, folder, lambda file: file.write(data))


def replace_whole(
    root: Path, path: Path, fill: Callable[[BinaryIO], object], *, before_rename: Callable[[], object] = lambda: None, durable: bool = False
) -> int:
    """Replace a file by what `fill` writes; returns its size in bytes. If `durable`, it is synced to disk before the rename.

    `before_rename` is called after the last write, before the file has its name.
    """
    with folder_of(root, path) as folder:
        return _replace(path.name, folder, fill, before_rename, durable=durable)


def remove(root: Path, path: Path) -> None:
    """Remove a file; errors are ignored."""
    with suppress(OSError):
        unlink(root, path)


def unlink(root: Path, path: Path) -> None:
    """Remove a file, if it exists. Raises OSError."""
    with suppress(FileNotFoundError), folder_of(root, path) as folder:
        os.unlink(path.name, dir_fd=folder)


def remove_folder(root: Path, path: Path) -> None:
    """Remove an empty folder; errors are ignored."""
    with suppress(OSError), folder_of(root, path) as folder:
        os.rmdir(path.name, dir_fd=folder)


def rename(root: Path, path: Path, name: str) -> None:
    """Rename a file within its folder."""
    with folder_of(root, path) as folder:
        os.rename(path.name, name, src_dir_fd=folder, dst_dir_fd=folder)


def remove_leftovers(root: Path, now: float) -> None:
    """Remove temporary files older than 10 min, which processes have left that were killed while writing to a run."""
    for path in (root, *(entry for entry in _entries(root) if entry.is_dir() and not entry.is_symlink())):
        for entry in _entries(path):
            with suppress(OSError):
                if TEMPORARY.fullmatch(entry.name) and now - entry.lstat().st_mtime > STALE:
                    unlink(root, entry)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _create(name: str, folder: int) -> int:
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | WRITING, FILE, dir_fd=folder)
    os.fchmod(descriptor, FILE)
    return descriptor


def _existing(name: str, folder: int, flags: int) -> int:
    """A descriptor of an existing file. Raises OSError: EMLINK for a file with several hard links, EINVAL for one that is not regular."""
    descriptor = os.open(name, flags | WRITING, dir_fd=folder)
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:
        return descriptor
    os.close(descriptor)
    reason = errno.EMLINK if stat.S_ISREG(found.st_mode) else errno.EINVAL
    raise OSError(reason, os.strerror(reason), name)


def _replace(
    name: str, folder: int, fill: Callable[[BinaryIO], object], before_rename: Callable[[], object] = lambda: None, *, durable: bool = False
) -> int:
    temporary = f".{name}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    try:
        with open(_create(temporary, folder), "wb") as file:
            fill(file)
            file.flush()
            if durable:
                os.fsync(file.fileno())
            size = file.tell()
        before_rename()
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    if durable:
        with suppress(OSError):  # some network file systems refuse it for a folder; the rename itself has happened
            os.fsync(folder)
    return size
