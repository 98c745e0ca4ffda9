"""The loop of the screen server: takes a terminal from each client, forks a screen for it, and tells the client how that ends."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from dataclasses import dataclass, field

from gradtop.trainer.launch.forking import CLIENTS, ForkingServer, fork, peer, threads
from gradtop.trainer.launch.listener import Listener
from gradtop.trainer.launch.server import torch_server_runs
from gradtop.tui.cli.installation import replaced
from gradtop.tui.cli.output import print_line
from gradtop.tui.quick_start import FRAMES
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
DESCRIPTORS = 2  # terminal and directory


class NotOurs(Exception):
    """Another process has to do it."""


@dataclass(eq=False)
class Waiting:
    """A connection whose request has not come yet."""

    link: socket.socket
    until: float = field(default_factory=lambda: time.monotonic() + REQUEST_TIME)


class ScreenServer(ForkingServer[Waiting, ScreenProcess]):
    """One thread: whatever is drawn is drawn in a forked process. `idle` is in seconds."""

    def __init__(self, listener: Listener, identity: Identity, *, idle: float) -> None:
        super().__init__(listener, idle=idle)
        self.screens: dict[int, socket.socket] = {}
        self._identity = identity
        self._environment = read_before(os.environ)

    @property
    def _is_busy(self) -> bool:
        return bool(self.screens or self.clients)

    def _finished(self) -> bool:
        if self._has_idled() and not self.retired:
            # Where there is a torch server, which ends with the trainings, somebody will want to see them.
            self.retired = not torch_server_runs()
            self._quiet_since = time.monotonic()
        if not self.retired:
            return False
        if self._listener.listens:
            self._listener.close()
            self._accept()  # who has connected before
            self._listener.release()  # screens that are open need no server: the next one may take the name
        return not self.screens and not self.clients

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
        while len(self.clients) < CLIENTS and self._listener.listens:
            try:
                link, _ = self._listener.socket.accept()
            except OSError:
                return
            link.setblocking(False)
            self.clients.append(Waiting(link))

    def _attend(self, client: Waiting) -> ScreenProcess | None:
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
        pid, uid = peer(client.link)
        request = ScreenRequest(data)
        if request.interpreter != interpreter():
            raise NotOurs("the client has another interpreter or encoding")
        if uid != os.geteuid() or Identity.of(pid) != self._identity:
            raise NotOurs("the client has other rights, limits or namespaces")
        if len(descriptors) != DESCRIPTORS or not os.isatty(descriptors[0]):
            raise NotOurs("no terminal came with the request")
        environment = read_before(request.environment)
        environment.setdefault(*FRAMES)
        if differing := sorted({name for name, _value in environment.items() ^ self._environment.items()}):
            raise NotOurs(f"the client has another {', '.join(differing)}")
        if names := replaced():
            self.retired = True
            raise NotOurs(f"{' and '.join(names)} changed on disk")
        if threads() != 1:
            self.retired = True
            raise NotOurs(f"{threads()} threads")
        screen = ScreenProcess(request, Surroundings.of(pid, request.environment), client.link, os.dup(descriptors[0]), os.dup(descriptors[1]))
        try:
            forked = fork()
        except OSError:
            screen.close()
            raise
        if not forked:
            self._close_all_but(client)
            return screen
        screen.close()
        tell(client.link, ACCEPTED, forked)
        self.screens[forked] = client.link
        self.clients.remove(client)
        return None

    def _close_all_but(self, client: Waiting) -> None:
        """In a forked process: what is the server's."""
        self._close_own()
        for link in (*self.screens.values(), *(other.link for other in self.clients if other is not client)):
            link.close()


def tell(link: socket.socket, kind: bytes, number: int = 0) -> None:
    """Whoever does not listen any more need not know."""
    with contextlib.suppress(OSError):
        link.send(kind + b"%d" % number, socket.MSG_DONTWAIT)
