"""What a forked process shows of itself: its title, and where its output goes."""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path


def open_streams(output: str | os.PathLike[str]) -> None:
    """Standard input from nowhere, output and errors to a file. Raises OSError."""
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    for descriptor, place in ((null, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, place)
    os.close(null)
    os.close(log)


def set_title(title: str) -> None:
    """What `ps` shows of this process, as far as the server's own command line has room; /proc/PID/comm says "gradtop"."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        Path("/proc/self/comm").write_text("gradtop", encoding="ascii")
        fields = Path("/proc/self/stat").read_bytes().rsplit(b")", 1)[1].split()
        begin, end = int(fields[45]), int(fields[46])  # arg_start and arg_end (proc(5), fields 48 and 49)
        if 0 < begin < end:
            room = end - begin - 1
            ctypes.memset(begin, 0, room + 1)
            ctypes.memmove(begin, title.encode()[:room], min(len(title.encode()), room))
