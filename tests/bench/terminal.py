"""A program in a pseudo-terminal, looked at from outside: what it draws and when, what it costs."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bench.glass import Glass

CHART = re.compile("(?:[\u2801-\u28ff]){3}")  # three cells of a braille picture in a row
QUIET = 0.003  # a frame comes in pieces; after so long without another one it is whole
# What a terminal answers when asked for its background, its kind and whether it can draw whole frames at once.
QUERIES = {b"\x1b]11;?": b"\x1b]11;rgb:0000/0000/0000\x1b\\", b"\x1b[c": b"\x1b[?62;22c", b"\x1b[?2026$p": b"\x1b[?2026;2$y"}


@dataclass(frozen=True)
class Used:
    """What a program used within a time: seconds, processor seconds, bytes to the terminal, times that it woke up."""

    seconds: float = 0.0
    cpu: float = 0.0
    bytes: int = 0
    wakes: int = 0

    def __sub__(self, other: Used) -> Used:
        return Used(self.seconds - other.seconds, self.cpu - other.cpu, self.bytes - other.bytes, self.wakes - other.wakes)

    def __add__(self, other: Used) -> Used:
        return Used(self.seconds + other.seconds, self.cpu + other.cpu, self.bytes + other.bytes, self.wakes + other.wakes)

    @property
    def percent(self) -> float:
        """Of one core."""
        return 100 * self.cpu / self.seconds

    @property
    def rate(self) -> float:
        """Bytes a second."""
        return self.bytes / self.seconds

    @property
    def wake_rate(self) -> float:
        return self.wakes / self.seconds


class Ended(Exception):
    """The program ended before it drew what was waited for; the message is what it drew last."""


class Terminal:
    """The program, from exec on: `seconds` are counted from there, `drawn` is when something was last drawn."""

    def __init__(self, command: Sequence[str], *, columns: int = 120, rows: int = 40, env: Mapping[str, str] | None = None) -> None:
        self._terminal, program_end = os.openpty()
        fcntl.ioctl(program_end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {**os.environ, **(env or {}), "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        self.bytes = 0
        self.drawn = 0.0
        self._glass = Glass(columns, rows)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begin = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=program_end, stdout=program_end, stderr=program_end, env=environment, start_new_session=True
        )
        os.close(program_end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.resume()
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._terminal)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begin

    def read(self, timeout: float) -> bool:
        """Take in what is drawn within the time; whether anything was. Raises Ended."""
        if not select.select([self._terminal], [], [], max(timeout, 0.0))[0]:
            return False
        try:
            data = os.read(self._terminal, 1 << 16)
        except OSError:
            data = b""
        if not data:
            raise Ended(self.text)
        for query, answer in QUERIES.items():
            if query in data:
                os.write(self._terminal, answer)
        self.bytes += len(data)
        self.drawn = self.seconds
        self._glass.take(self._decoder.decode(data))
        return True

    @property
    def text(self) -> str:
        """What stands on the terminal."""
        return self._glass.text

    def press(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def wait_for(self, pattern: re.Pattern[str] | str, timeout: float = 60.0, *, gone: bool = False) -> float:
        """Wait for the frame that holds this text (or does not, with `gone`); the `seconds` when it was whole.

        Raises Ended, or AssertionError when it took longer than `timeout`.
        """
        until = time.monotonic() + timeout
        wanted = re.compile(pattern) if isinstance(pattern, str) else pattern
        while (wanted.search(self.text) is None) != gone:
            if time.monotonic() > until:
                raise AssertionError(f"waited {timeout:g} s for {wanted.pattern!r}; this stands there:\n{self.text}")
            self.read(0.05)
        found = time.monotonic()
        while time.monotonic() < found + 0.1 and self.read(QUIET):
            pass
        return self.drawn

    def rest(self, seconds: float) -> None:
        """Let it draw for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.read(left)

    def processes(self) -> list[int]:
        """The program itself, without its children; and the process that draws for it, on a terminal that it holds the other end of."""
        inner = {int(number) for link in Path(f"/proc/{self.process.pid}/fdinfo").iterdir() for number in re.findall(r"tty-index:\s+(\d+)", link.read_text())}
        return [self.process.pid, *(leader for number in inner for leader in leaders(f"/dev/pts/{number}"))]

    def cpu(self) -> float:
        """Processor seconds; threads that have ended count too."""
        return sum(int(field) for pid in self.processes() for field in stat(pid)[11:13]) / os.sysconf("SC_CLK_TCK")

    def used(self) -> Used:
        """What was used so far, by threads that go on."""
        cpu = wakes = 0
        for thread in (each for pid in self.processes() for each in Path(f"/proc/{pid}/task").iterdir()):
            with contextlib.suppress(OSError):  # a thread that has just ended
                cpu += int((thread / "schedstat").read_text().split()[0])
                found = re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (thread / "status").read_text(), re.MULTILINE)
                wakes += int(found[1]) if found else 0
        return Used(self.seconds, cpu / 1e9, self.bytes, wakes)

    def suspend(self) -> None:
        """Have it do nothing until `resume`."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def memory(self) -> float:
        """The resident memory that it has now, in MB; pages that a forked process shares count in full."""
        return self._memory("VmRSS")

    def peak_memory(self) -> float:
        """The most of it that there was."""
        return self._memory("VmHWM")

    def _memory(self, name: str) -> float:
        return sum(kilobytes(pid, name) for pid in self.processes()) * 1024 / 1e6


def kilobytes(pid: int, name: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    found = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
    assert found is not None
    return int(found[1])


def stat(pid: int) -> list[str]:
    """From the state of the process on."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()


def leaders(terminal: str) -> list[int]:
    """The leader of the session on this terminal, if there is one."""
    device = Path(terminal).stat().st_rdev
    found = []
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):  # no process, or one that has just ended
            fields = stat(int(path.name))
            if int(fields[4]) == device and fields[3] == path.name:
                found.append(int(path.name))
    return found
