"""The loop of the screen server: takes a terminal from each client, forks a screen for it, and tells the client how that ends."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import sys
import time
from dataclasses import dataclass, field

from gradtop.trainer.launch.listener import Listener
from gradtop.trainer.launch.server import torch_server_runs
from gradtop.tui.cli.installation import replaced
from gradtop.tui.cli.output import print_line
from gradtop.tui.screen_client.address import (
    ACCEPTED,
    ENDED,
    KILLED,
    LARGEST,
    REFUSED,
    STOPPED,
    InvalidRequest,
    ScreenRequest,
    interpreter,
)
from gradtop.tui.screen_server.clients import Identity, Surroundings, read_before
from gradtop.tui.screen_server.process import ScreenProcess

REQUEST_TIME = 5.0  # seconds from connecting to the request
CLIENTS = 64  # that have connected and asked for nothing yet
LOOK_AFTER_SOCKET = 60.0
FRAMES = "120"  # as `open_screen` and the preloading have it
DESCRIPTORS = 2  # terminal and directory


class NotOurs(Exception):
    """Another process has to do it."""


@dataclass(eq=False)
class Waiting:
    """A connection whose request has not come yet."""

    link: socket.socket
    until: float = field(default_factory=lambda: time.monotonic() + REQUEST_TIME)


class ScreenServer:
    """One thread: whatever is drawn is drawn in a forked process. `idle` is in seconds."""

    def __init__(self, listener: Listener, identity: Identity, *, idle: float) -> None:
        self.clients: list[Waiting] = []
        self.screens: dict[int, socket.socket] = {}
        self.retired = False
        self._listener = listener
        self._identity = identity
        self._environment = read_before(os.environ)
        self._idle = idle
        self._quiet_since = self._looked = time.monotonic()
        self._awake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def serve(self) -> ScreenProcess | None:
        """Serve until nobody is left; in each forked process, returns the screen that it is to be."""
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        while not self._finished():
            self._wait()
            self._reap()
            self._accept()
            for client in list(self.clients):
                if (screen := self._attend(client)) is not None:
                    return screen
        self._listener.release()
        return None

    def _finished(self) -> bool:
        now = time.monotonic()
        if self.screens or self.clients:
            self._quiet_since = now
        if now - self._looked >= LOOK_AFTER_SOCKET:
            self._looked = now
            self.retired = self.retired or not self._listener.restore()
        if not self.retired and now - self._quiet_since >= self._idle:
            if torch_server_runs():  # the torch server, which ends with the trainings: somebody will want to see them
                self._quiet_since = now
            else:
                self.retired = True
        if not self.retired:
            return False
        self._listener.close()
        return not self.screens and not self.clients

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._awake, select.POLLIN)
        if len(self.clients) < CLIENTS and not self.retired:
            poll.register(self._listener.socket, select.POLLIN)
        for client in self.clients:
            poll.register(client.link, select.POLLIN)
        due = [client.until for client in self.clients]
        due.append(self._looked + LOOK_AFTER_SOCKET)
        if not self.screens and not self.clients:
            due.append(self._quiet_since + self._idle)
        poll.poll(max(min(due) - time.monotonic(), 0.0) * 1000 + 1)
        with contextlib.suppress(BlockingIOError):
            os.read(self._awake, 4096)

    def _reap(self) -> None:
        """Tell the clients of screens that were stopped or have ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if not pid:
                return
            link = self.screens.get(pid)
            if os.WIFSTOPPED(status):
                if link is not None:
                    tell(link, STOPPED)
                continue
            if link is not None:
                if os.WIFSIGNALED(status):
                    tell(link, KILLED, os.WTERMSIG(status))
                else:
                    tell(link, ENDED, os.WEXITSTATUS(status))
                link.close()
                del self.screens[pid]

    def _accept(self) -> None:
        while len(self.clients) < CLIENTS and not self.retired:
            try:
                link, _ = self._listener.socket.accept()
            except OSError:
                return
            link.setblocking(False)
            self.clients.append(Waiting(link))

    def _attend(self, client: Waiting) -> ScreenProcess | None:
        """Obey a request that has come; nonsense and silence are hung up on."""
        descriptors: list[int] = []
        try:
            data, descriptors, _flags, _address = socket.recv_fds(client.link, LARGEST, DESCRIPTORS)
        except BlockingIOError:
            if time.monotonic() <= client.until:
                return None
        except OSError:
            pass
        else:
            try:
                if data:  # else it has gone
                    return self._obey(client, data, descriptors)
            except (NotOurs, InvalidRequest, OSError, ValueError, KeyError) as error:
                print_line(f"refused: {error}", sys.stderr)
                sys.stderr.flush()
                tell(client.link, REFUSED)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        client.link.close()
        self.clients.remove(client)
        return None

    def _obey(self, client: Waiting, data: bytes, descriptors: list[int]) -> ScreenProcess | None:
        """Fork the screen; in the forked process, returns it. Raises NotOurs, InvalidRequest, OSError, ValueError or KeyError."""
        pid, uid, _gid = struct.unpack("3i", client.link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
        request = ScreenRequest(data)
        if uid != os.geteuid() or request.interpreter != interpreter() or Identity.of(pid) != self._identity:
            raise NotOurs("the client has other rights than this process")
        if len(descriptors) != DESCRIPTORS or not os.isatty(descriptors[0]):
            raise NotOurs("no terminal came with the request")
        environment = read_before(request.environment)
        environment.setdefault("TEXTUAL_FPS", FRAMES)
        if differing := sorted({name for name, _value in environment.items() ^ self._environment.items()}):
            raise NotOurs(f"the client has another {', '.join(differing)}")
        if names := replaced():
            self.retired = True
            raise NotOurs(f"{' and '.join(names)} changed on disk")
        if threads() != 1:
            # A fork would take locks along that a lost thread holds.
            self.retired = True
            raise NotOurs(f"{threads()} threads")
        screen = ScreenProcess(request, Surroundings.of(pid, request.environment), client.link, os.dup(descriptors[0]), os.dup(descriptors[1]))
        # No signal must find the server's handlers in the new process.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            forked = os.fork()
        except OSError:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            screen.close()
            raise
        if not forked:
            self._close_all_but(client)
            return screen
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        screen.close()
        tell(client.link, ACCEPTED, forked)
        self.screens[forked] = client.link
        self.clients.remove(client)
        return None

    def _close_all_but(self, client: Waiting) -> None:
        """In a forked process: what is the server's."""
        self._listener.close_descriptors()
        for descriptor in (self._awake, self._waker):
            os.close(descriptor)
        for link in (*self.screens.values(), *(other.link for other in self.clients if other is not client)):
            link.close()


def tell(link: socket.socket, kind: bytes, number: int = 0) -> None:
    """Whoever does not listen any more need not know."""
    with contextlib.suppress(OSError):
        link.send(kind + b"%d" % number, socket.MSG_DONTWAIT)


def threads() -> int:
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - its length alone
