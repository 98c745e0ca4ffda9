"""The loop of the torch server: reads requests, forks a process for each, and ends when nobody needs it any more."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gradtop.trainer.launch.forking import CLIENTS, ForkingServer, fork, peer, threads
from gradtop.trainer.launch.listener import Listener
from gradtop.trainer.record import Run
from gradtop.trainer.runtime.death import how_ended, note_death
from gradtop.trainer.runtime.memory import oom_kills
from gradtop.trainer.runtime.signals import WARNING
from gradtop.trainer.server.child import Child
from gradtop.trainer.server.requests import ANSWERS, MEASURE, TELLING, WORK
from gradtop.trainer.server.spare import Spare, SpareProcess

LONGEST_REQUEST = 4 << 20  # bytes
REQUEST_TIME = 5.0  # seconds from connecting to the end of the request

ChildMain = Callable[[], int]


@dataclass(eq=False)
class Client:
    """A connection: its request as far as it has come, or the process that answers it, which ends when the client goes."""

    link: socket.socket
    until: float | None  # None once it has sent its request
    heard: bytes = b""
    child: int = 0
    closed: bool = False
    staying: bool = False  # keeps the server from ending


@dataclass(frozen=True)
class Task:
    """What a forked process does: the directory of the run that it trains, "" where it answers; whether its end, too, is an answer, as
    that of a measurement; and `oom_kills` as it began."""

    run: str = ""
    measures: bool = False
    oom_kills: int | None = None


class Server(ForkingServer[Client, ChildMain]):
    """One thread, no GPU: whatever has to be computed is computed in a forked process. `idle` is in seconds."""

    IGNORED = (signal.SIGINT, signal.SIGHUP, *WARNING)

    def __init__(self, listener: Listener, *, idle: float) -> None:
        super().__init__(listener, idle=idle)
        self.children: dict[int, Task] = {}
        self.spare: Spare | None = None

    @property
    def _is_busy(self) -> bool:
        return bool(self.children or self.clients)

    def _finished(self) -> bool:
        if not self._has_idled() and not self.retired:
            return False
        self._end_spare()
        # Who has connected before the socket was taken away is still served; jobs need no server.
        self.retired = True
        self._listener.close()
        self._accept()
        return not self.clients

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self.children.clear()
                return
            if not pid:
                return
            if (task := self.children.pop(pid, Task())).run:
                self._note_death(task, pid, status)
            if self.spare is not None and pid == self.spare.pid:
                self._end_spare()
            for client in self.clients:
                if client.child == pid:
                    if task.measures:
                        with contextlib.suppress(OSError):
                            client.link.send(ended_message(status, task.oom_kills), socket.MSG_DONTWAIT)
                    client.child = 0
                    client.closed = True
                    client.link.close()
            self.clients = [client for client in self.clients if not client.closed]

    def _note_death(self, task: Task, pid: int, status: int) -> None:
        """In a process of its own: a file system that hangs must not hold up the server."""
        writer = self._fork_process()
        if writer:
            self.children[writer] = Task()
        elif writer == 0:
            try:
                self._close_all_but(None)
                note_death(Run(task.run), pid, status, task.oom_kills)
            finally:
                os._exit(0)

    def _accept(self) -> None:
        while len(self.clients) < CLIENTS:
            try:
                link, _ = self._listener.socket.accept()
            except OSError:
                return
            if peer(link)[1] != os.geteuid():
                link.close()
                continue
            link.setblocking(False)
            self.clients.append(Client(link, time.monotonic() + REQUEST_TIME))

    def _attend(self, client: Client) -> ChildMain | None:
        if client.closed:
            return None
        try:
            # Without waiting, whatever the forked process that shares this socket has made of it.
            data = client.link.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            if client.until is not None and time.monotonic() > client.until:
                self._drop(client)
            return None
        except OSError:
            data = b""
        if not data or client.until is None:
            # Gone; and who has asked already has nothing more to say.
            self._drop(client)
            return None
        client.heard += data
        if len(client.heard) > LONGEST_REQUEST:
            self._drop(client)
        elif client.heard.endswith(b"\n"):
            return self._obey(client)
        return None

    def _obey(self, client: Client) -> ChildMain | None:
        request = parse_request(client.heard)
        client.heard, client.until = b"", None
        kind = str(request.get("kind"))
        if kind == "retire":
            self.retired = True
            self._drop(client)
        elif kind == "spare":
            return self._fork_spare(client, request)
        elif kind in WORK and self._give_to_spare(client, kind, request):
            self._drop(client)
        elif kind in WORK or kind in ANSWERS or kind in TELLING:
            return self._fork(client, kind, request)
        elif kind == "stay":
            client.staying = True
        else:
            self._drop(client)
        return None

    def _fork(self, client: Client, kind: str, request: Mapping[str, Any]) -> ChildMain | None:
        pid = self._fork_process()
        if pid is None:
            self._drop(client)
        elif not pid:
            self._close_all_but(client)
            return Child(client.link, kind, request.get("arguments") or {}, request.get("process") or {}).run
        else:
            self.children[pid] = task_of(kind, request)
            if kind in WORK:
                # It outlives whoever asked for it.
                self._drop(client)
            else:
                client.child = pid
        return None

    def _fork_spare(self, client: Client, request: Mapping[str, Any]) -> ChildMain | None:
        """A process for the next job, where somebody stays who may want one."""
        process = request.get("process") or {}
        if self.spare is not None and not self.spare.has(process):
            self._end_spare()
        if self.spare is None and any(each.staying for each in self.clients):
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # a message comes whole or not at all
            pid = self._fork_process()
            if pid == 0:
                self._close_all_but(None)
                ours.close()
                return SpareProcess(theirs, process).run
            theirs.close()
            if pid is None:
                ours.close()
            else:
                self.spare = Spare(pid, ours, process)
        self._drop(client)
        return None

    def _give_to_spare(self, client: Client, kind: str, request: Mapping[str, Any]) -> bool:
        spare = self.spare
        if spare is None or not spare.fits(request.get("process") or {}) or not spare.give(client.link, kind, request):
            return False
        self.children[spare.pid] = task_of(kind, request)
        self.spare = None
        return True

    def _end_spare(self) -> None:
        if self.spare is not None:
            self.spare.end()
            self.spare = None

    def _fork_process(self) -> int | None:
        """As `os.fork`; None where that cannot be."""
        if threads() != 1:
            # A fork would take locks along that a lost thread holds. This is a fault; the client starts a process of its own.
            print(f"not forked: {threads()} threads", file=sys.stderr, flush=True)
            self.retired = True
            return None
        try:
            return fork()
        except OSError as error:
            print(f"not forked: {error.strerror}", file=sys.stderr, flush=True)
            return None

    def _close_all_but(self, client: Client | None) -> None:
        """In a forked process: what is the server's."""
        self._close_own()
        self._end_spare()
        for other in self.clients:
            if other is not client:
                other.link.close()

    def _drop(self, client: Client) -> None:
        if client.child:
            # What it computes, nobody waits for any more.
            with contextlib.suppress(OSError):
                os.kill(client.child, signal.SIGKILL)
        client.closed = True
        client.link.close()
        self.clients.remove(client)
        if client.staying and not any(each.staying for each in self.clients):
            self._end_spare()


def parse_request(heard: bytes) -> dict[str, Any]:
    """A request whose arguments and process are objects, if given; an empty one for whatever else."""
    try:
        request = json.loads(heard)
    except (ValueError, RecursionError):
        return {}
    parts = [request.get(name) or {} for name in ("arguments", "process")] if isinstance(request, dict) else [None]
    return request if all(isinstance(part, dict) for part in parts) else {}


def task_of(kind: str, request: Mapping[str, Any]) -> Task:
    arguments = request.get("arguments")
    run = arguments.get("run") if kind in WORK and isinstance(arguments, dict) else ""
    if kind == MEASURE or kind in TELLING:
        return Task(measures=True, oom_kills=oom_kills())
    return Task(run, oom_kills=oom_kills()) if isinstance(run, str) and run.startswith(os.sep) else Task()


def ended_message(wait_status: int, kills: int | None) -> bytes:
    """How a measurement ended, after its answer if it gave one."""
    number, code, memory = how_ended(wait_status, kills)
    return json.dumps({"ended": {"signal": number, "code": code, "memory": memory}}).encode() + b"\n"
