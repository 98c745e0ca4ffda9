"""What a forked process shows of itself: its title, and where its output goes."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
from pathlib import Path


def redirect(output: int | None = None) -> None:
    """Standard input from nowhere, output and errors to a descriptor, which is closed, or nowhere. Raises OSError."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    written = null if output is None else output
    for descriptor, place in ((null, 0), (written, 1), (written, 2)):
        os.dup2(descriptor, place)
    for descriptor in {null, written}:
        os.close(descriptor)


def print_anything() -> None:
    """Have no character that user code prints fail for the locale."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


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
