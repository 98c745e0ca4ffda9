"""What the servers that fork have in common: their loop, the fork, and what the forked process does first."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import locale
import os
import resource
import select
import signal
import socket
import struct
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from gradtop.trainer.launch.listener import Listener

CLIENTS = 64  # at once; more wait to be accepted
LOOK_AFTER_SOCKET = 60.0  # seconds
IGNORED_BY_PYTHON = frozenset({signal.SIGPIPE, signal.SIGXFSZ})


class Connected(Protocol):
    """A connection. Its `link` is heard when something comes; `until` is when its request must have come, None once it has."""

    @property
    def link(self) -> socket.socket: ...

    @property
    def until(self) -> float | None: ...


C = TypeVar("C", bound=Connected)
J = TypeVar("J")  # what a forked process is to do


class ForkingServer(ABC, Generic[C, J]):
    """One thread: whatever takes time is done in a forked process. `idle` is in seconds."""

    IGNORED: Collection[signal.Signals] = (signal.SIGINT, signal.SIGHUP)

    def __init__(self, listener: Listener, *, idle: float) -> None:
        self.clients: list[C] = []
        self.retired = False
        self._listener = listener
        self._idle = idle
        self._quiet_since = self._looked = time.monotonic()
        self._awake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def serve(self) -> J | None:
        """Serve until nobody is left; in each forked process, returns what that one is to do."""
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in self.IGNORED:
            signal.signal(number, signal.SIG_IGN)
        while not self._finished():
            self._wait()
            self._reap()
            self._accept()
            for client in list(self.clients):
                if (job := self._attend(client)) is not None:
                    return job
        self._listener.release()
        return None

    @property
    @abstractmethod
    def _is_busy(self) -> bool:
        """Whether a forked process or a client needs this server."""

    @abstractmethod
    def _finished(self) -> bool: ...

    @abstractmethod
    def _reap(self) -> None: ...

    @abstractmethod
    def _accept(self) -> None: ...

    @abstractmethod
    def _attend(self, client: C) -> J | None:
        """Read what has come of a request; a whole one is obeyed, nonsense and silence are hung up on."""

    def _has_idled(self) -> bool:
        """Whether nobody has needed it for long enough. Looks after the socket, too: another server may have taken the name."""
        now = time.monotonic()
        if self._is_busy:
            self._quiet_since = now
        if now - self._looked >= LOOK_AFTER_SOCKET:
            self._looked = now
            self.retired = self.retired or not self._listener.restore()
        return now - self._quiet_since >= self._idle

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._awake, select.POLLIN)
        if len(self.clients) < CLIENTS and self._listener.listens:
            poll.register(self._listener.socket, select.POLLIN)
        for client in self.clients:
            poll.register(client.link, select.POLLIN)
        due = [client.until for client in self.clients if client.until is not None]
        due.append(self._looked + LOOK_AFTER_SOCKET)
        if not self._is_busy:
            due.append(self._quiet_since + self._idle)
        poll.poll(max(min(due) - time.monotonic(), 0.0) * 1000 + 1)
        with contextlib.suppress(BlockingIOError):
            os.read(self._awake, 4096)

    def _close_own(self) -> None:
        """In a forked process: what is the server's, but for its connections."""
        self._listener.close_descriptors()
        for descriptor in (self._awake, self._waker):
            os.close(descriptor)


def peer(link: socket.socket) -> tuple[int, int]:
    """Process and user at the other end of a connection. Raises OSError."""
    pid, uid, _gid = struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(pid), int(uid)


def threads() -> int:
    """Of this process. A fork beside another thread would take locks along that nobody gives back."""
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - its length alone


def fork() -> int:
    """As `os.fork`; no signal finds the server's handlers in the forked process, which holds all back until `forget_signals`. Raises OSError."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    pid = -1
    try:
        pid = os.fork()
    finally:
        if pid:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def forget_signals(ignored: Collection[int] = ()) -> None:
    """As an interpreter begins: the server's handlers and mask are its own; `ignored` are those that the client ignores."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN if number in ignored or number in IGNORED_BY_PYTHON else signal.SIG_DFL)
    if signal.SIGINT not in ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def take_on(environment: Mapping[str, str], limits: Mapping[int, int], umask: int) -> None:
    """The client's environment, soft limits and umask; and nothing of what the imports have remembered of the server's."""
    os.environ.clear()
    os.environ.update(environment)
    # Written down, not inherited: these are read when an interpreter starts.
    time.tzset()
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_CTYPE, "")
    for number, soft in limits.items():
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(number, (soft, resource.getrlimit(number)[1]))
    os.umask(umask)
    importlib.invalidate_caches()
    tempfile.tempdir = None


def set_title(title: str) -> None:
    """What `ps` shows of this process, as far as the server's own command line has room; /proc/PID/comm says "gradtop"."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        Path("/proc/self/comm").write_text("gradtop", encoding="ascii")
        fields = Path("/proc/self/stat").read_bytes().rsplit(b")", 1)[1].split()
        begin, end = int(fields[45]), int(fields[46])  # arg_start and arg_end (proc(5), fields 48 and 49)
        if 0 < begin < end:
            room = end - begin - 1
            written = title.encode(errors="replace")[:room]
            ctypes.memset(begin, 0, room + 1)
            ctypes.memmove(begin, written, len(written))
