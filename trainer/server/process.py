"""Where the output of a forked process goes."""

from __future__ import annotations

import io
import os
import sys


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
