"""worker.log without control characters: its last lines, or line by line as it grows. Each read is bounded, whatever the size of the file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import takewhile

from gradtop.trainer.record.files import open_regular
from gradtop.trainer.record.layout import LOG, Run
from gradtop.trainer.record.lines import LineReader, start_of_last
from gradtop.trainer.record.text import clean

LOG_END = 64 * 1024
LAST = 16 * 1024  # bytes among which the last words are
LAST_LINES = 200
LONGEST_LINE = 1000
AT_ONCE = 256 * 1024  # bytes that are read at a time; of a longer line only the end is kept
# A warning of Python's with the place that gave it, and one of PyTorch's C++ or its loggers: none of them ends a run.
WARNING = re.compile(r"\S.*:\d+: \w*Warning: |\[?W\d{4} ")
# What faulthandler writes when a signal ends the process: the signal, then the frames of each thread, the innermost first.
CRASH, CRASHED, FRAME = "Fatal Python error: ", "Current thread ", '  File "'
OF_CRASH = re.compile(r'  (?:File "|\.\.\.|<)|Thread 0x|Current thread |Extension modules: ')


def log_tail(run: Run, lines: int = 200) -> list[str]:
    return [_shown(line) for line in _log_lines(run, LOG_END)[-lines:]]


def last_log_lines(run: Run, lines: int) -> tuple[str, ...]:
    """The last lines that are neither blank nor warnings; of a process that crashed, the signal and the innermost frames."""
    found: list[str] = []
    for line in _told(_log_lines(run, LAST)[-LAST_LINES:]):
        if not found and OF_CRASH.match(line):
            return _crash(tuple(_told(_log_lines(run, LOG_END)))[::-1], lines)
        found.append(line)
        if len(found) == lines:
            break
    return tuple(reversed(found))


class LogReader:
    """All of worker.log, or its last `lines`, as text: `read` returns the lines since the last call, `rest` one without an end."""

    def __init__(self, run: Run, lines: int | None = None) -> None:
        self._lines = LineReader(run.file(LOG), AT_ONCE, begin=None if lines is None else partial(start_of_last, lines))

    @property
    def is_there(self) -> bool:
        """Whether there was a log at the last call."""
        return self._lines.is_there

    @property
    def is_whole(self) -> bool:
        """Whether the last call has read all that was there."""
        return self._lines.is_whole

    def read(self) -> list[str]:
        return [_shown(line.decode("utf-8", "replace")) for line in self._lines.read()]

    def rest(self) -> list[str]:
        return [_shown(line.decode("utf-8", "replace")) for line in self._lines.rest()]


def _crash(told: Sequence[str], lines: int) -> tuple[str, ...]:
    """Frames take up to half of the lines; what stands before the signal may say why, as C++ does when it aborts."""
    of_crash = len(list(takewhile(OF_CRASH.match, reversed(told))))
    at = len(told) - of_crash - 1
    if at < 0 or not told[at].startswith(CRASH):
        return tuple(told[-lines:])
    begin = next((place for place in range(at, len(told)) if told[place].startswith(CRASHED)), len(told))
    frames = list(takewhile(lambda line: line.startswith(FRAME), told[begin + 1 :]))[: lines // 2]
    return (*told[max(at + 1 + len(frames) - lines, 0) : at + 1], *frames)


def _told(raw: Sequence[str]) -> Iterator[str]:
    """From the last line on, without blank lines and without warnings and the line of source that follows one."""
    place = len(raw)
    while place:
        place -= 1
        line = _shown(raw[place])
        if not line.strip() or WARNING.match(line):
            continue
        if line.startswith("  ") and place and WARNING.match(_shown(raw[place - 1])):
            place -= 1
            continue
        yield line


def _log_lines(run: Run, most: int) -> list[str]:
    """The last lines, of at most `most` bytes."""
    try:
        descriptor = open_regular(run.file(LOG))
    except OSError:
        return []
    try:
        size = os.fstat(descriptor).st_size
        found = os.pread(descriptor, most, max(0, size - most)).decode("utf-8", "replace").split("\n")
    except OSError:
        return []
    finally:
        os.close(descriptor)
    if size > most and len(found) > 1:
        del found[0]  # the end of a line whose beginning was not read
    if not found[-1]:
        found.pop()
    return found


def _shown(line: str) -> str:
    # A progress bar rewrites its line with \r: what stands after the last one is what a terminal would show.
    return clean(line.rstrip("\r").rsplit("\r", 1)[-1], LONGEST_LINE)
