"""Standard output and standard error of a worker, which are worker.log."""

from __future__ import annotations

import faulthandler
import io
import sys
from typing import Any, TextIO

from gradtop.trainer.record.reserve import NO_ROOM


class LogFile(io.FileIO):
    """Standard output or standard error: worker.log. What finds no room there is lost; nothing that is printed may end a training."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            return len(data)


def log_plainly() -> None:
    """Line-buffer stdout and stderr as UTF-8 with replacement, so that neither a locale nor a full disk makes printing fail.

    A crash leaves the frames of each thread there.
    """
    faulthandler.enable(2)
    sys.stdout, sys.stderr = (_plain(stream) for stream in (sys.stdout, sys.stderr))


def _plain(stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.flush()
    log = io.BufferedWriter(LogFile(stream.fileno(), "wb", closefd=False))
    return io.TextIOWrapper(log, encoding="utf-8", errors="backslashreplace", line_buffering=True)
