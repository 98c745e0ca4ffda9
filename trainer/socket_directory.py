"""The directory in which the servers of this user listen. Imports next to nothing, as whoever asks is in a hurry."""

from __future__ import annotations

import os

OTHERS = 0o077  # what others may do


def socket_directory() -> str:
    """`gradtop` in XDG_RUNTIME_DIR where that is this user's, else a directory of this user's among the temporary files."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    try:
        if runtime and os.stat(runtime).st_uid == os.geteuid():  # noqa: PTH116 - without pathlib
            return f"{runtime}/gradtop"
    except OSError:
        pass
    return f"{os.environ.get('TMPDIR') or '/tmp'}/gradtop-{os.geteuid()}"  # noqa: S108 - checked when it is opened


def open_directory(*, create: bool = False) -> int:
    """A descriptor of the directory. Raises OSError where it is missing, or where others could reach into it."""
    path = socket_directory()
    if create:
        try:  # noqa: SIM105 - without contextlib
            os.mkdir(path, mode=0o700)  # noqa: PTH102
        except FileExistsError:
            pass
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    found = os.fstat(descriptor)
    if found.st_uid == os.geteuid() and not found.st_mode & OTHERS:
        return descriptor
    os.close(descriptor)
    raise PermissionError(
        f"{path} belongs to uid {found.st_uid} with mode {found.st_mode & 0o7777:04o}; the servers of gradtop need a directory of your own "
        "with mode 0700: remove it, or set XDG_RUNTIME_DIR"
    )
