"""The client of the torch server, the process that has imported PyTorch and forks workers and answers from then on."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gradtop.trainer.launch.origin import current_directory
from gradtop.trainer.launch.server_address import LIMITS, server_directory, server_name
from gradtop.trainer.launch.worker_environment import worker_environment
from gradtop.trainer.record import Run, process_start
from gradtop.trainer.socket_directory import open_directory

MODULE = "gradtop.trainer.server"
FORKS = 5.0  # seconds; a server that is ready forks within milliseconds
IMPORTS = 120.0  # PyTorch, cold, from a slow file system
LISTENS = 30.0  # the start of the interpreter, up to listening
LARGEST = 64 << 20  # bytes of an answer
LOOK_EVERY = 0.5
LAST_CHANCE = 2.0


class ServerFailed(OSError):
    """The server does not answer or its answer is invalid; it is killed, and the request must be carried out otherwise."""


class Refused(OSError):
    """The forked process rejected the request; the message is the reason."""


class Connection:
    """A request to the server that was sent, and the lines of JSON that come back. Closing it cancels what does not outlive it."""

    def __init__(self, link: socket.socket, name: str, pid: int) -> None:
        self.pid = pid
        self.name = name
        self.closed = False
        self._link = link
        self._heard = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        # From any thread: one that waits for an answer wakes up.
        self.closed = True
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)
        self._link.close()

    def stay(self) -> None:
        """Keep the server running until this connection is closed. Raises OSError."""
        self._link.sendall(b'{"kind": "stay"}\n')

    def ask_for_spare(self) -> None:
        """Request a spare process for the next job in this environment. Raises OSError."""
        self.send("spare", {})

    def send(self, kind: str, arguments: Mapping[str, Any]) -> None:
        """Raises OSError."""
        self._link.sendall(json.dumps({"kind": kind, "arguments": arguments, "process": process_state()}).encode() + b"\n")

    def fileno(self) -> int:
        return self._link.fileno()

    @property
    def lost(self) -> bool:
        """Whether the peer has closed the connection, while no message is expected."""
        return self.closed or bool(select.select([self._link], [], [], 0.0)[0])

    @property
    def importing(self) -> bool:
        """Whether the server is not ready yet, and so forks nothing."""
        return _recorded(self.name) == (self.pid, "importing")

    def receive(self, seconds: float) -> dict[str, Any] | None:
        """The next line; None where the other end closes. Raises OSError or ValueError."""
        until = time.monotonic() + seconds
        while b"\n" not in self._heard:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError("no reply in time")
            if not select.select([self._link], [], [], min(left, LOOK_EVERY))[0]:
                continue
            data = self._link.recv(1 << 16)
            if not data:
                return None
            self._heard += data
            if len(self._heard) > LARGEST:
                raise ValueError("reply too long")
        line, _, self._heard = self._heard.partition(b"\n")
        try:
            answer = json.loads(line)
        except RecursionError:
            answer = None
        if not isinstance(answer, dict):
            raise ValueError("invalid reply")  # noqa: TRY004 - of what was received, not of an argument
        return answer

    def wait_for_fork(self, importing: Callable[[], object] = lambda: None) -> None:
        """Wait until a forked process has taken the request. Raises ServerFailed, after which nobody does it, or Refused.

        `importing` is called now and then until the server is ready.
        """
        try:
            answer = self._first_answer(importing)
        except (OSError, ValueError):
            if self.closed:
                raise Refused("cancelled") from None
            # First the server, so that it cannot fork any more; then whether it has done so just before.
            end_server(self.pid)
            answer = None
            with contextlib.suppress(OSError, ValueError):
                answer = self.receive(LAST_CHANCE)
        if answer is not None and "error" in answer:
            raise Refused(str(answer["error"]))
        if answer is None and self.closed:
            raise Refused("cancelled")
        if answer is None or not isinstance(answer.get("begun"), int):
            end_server(self.pid)
            raise ServerFailed("the torch server did not reply")

    def _first_answer(self, importing: Callable[[], object]) -> dict[str, Any] | None:
        until = time.monotonic() + IMPORTS
        while self.importing and time.monotonic() < until:
            if is_stopped(self.pid):
                raise TimeoutError("the process of the torch server is suspended")
            importing()
            if select.select([self._link], [], [], LOOK_EVERY)[0]:
                break
        return self.receive(FORKS)


def process_state() -> dict[str, Any]:
    """The process state that a forked process adopts: directory, environment, limits, umask."""
    umask = os.umask(0o077)
    os.umask(umask)
    return {
        "cwd": current_directory(),
        "env": worker_environment(),
        "umask": umask,
        "limits": {str(number): resource.getrlimit(number)[0] for number in LIMITS},
    }


def connect(name: str = "") -> Connection | None:
    """To the server of this environment, or of this name; None where none listens. Raises OSError where its directory is unsafe."""
    name = name or server_name(worker_environment())
    try:
        directory = open_directory()
    except FileNotFoundError:
        return None
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        link.settimeout(FORKS)
        # By the descriptor: a path may be longer than the 108 bytes of an address, and may lead elsewhere by now.
        link.connect(f"/proc/self/fd/{directory}/{name}.socket")
        pid, uid, _gid = struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
        if uid != os.geteuid():
            raise PermissionError(f"the server of {name} runs as uid {uid}")
        return Connection(link, name, pid)
    except TimeoutError:
        # Its queue of connections is full, which a server that runs empties at once.
        link.close()
        end_server(_recorded(name)[0])
        return None
    except OSError:
        link.close()
        return None
    finally:
        os.close(directory)


def start_server(*, idle: float | None = None) -> None:
    """Start the server of this environment and return when it listens, while it imports; where there is one, do nothing.

    `idle`: seconds after its last child and client until it ends. Raises OSError.
    """
    env = worker_environment()
    os.close(open_directory(create=True))
    command = [sys.executable, "-P", "-m", MODULE, server_name(env), *([f"--idle={idle}"] if idle is not None else [])]
    started = subprocess.Popen(
        command, env=env, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        code = started.wait(LISTENS)
    except subprocess.TimeoutExpired:
        raise ServerFailed(f"the torch server does not listen after {LISTENS:g} s") from None
    if code:
        raise ServerFailed(f"the torch server could not be started (exit code {code})")


def connect_or_start() -> Connection:
    """Raises OSError."""
    found = connect()
    until = time.monotonic() + LAST_CHANCE
    while found is None:
        start_server()
        found = connect()
        # Another process may have started one at the same time, which is about to listen.
        if found is None and time.monotonic() > until:
            raise ServerFailed("the torch server does not listen")
    return found


def request_worker(
    connection: Connection, run: Run, *, resume: bool, predecessor: int = 0, told: bool = False, importing: Callable[[], object] = lambda: None
) -> None:
    """Have a forked process train the run; returns when it shows as starting. `predecessor`: the process that hands the run over.

    The connection is closed, unless who asks is to be `told` when the run has ended: the process hangs up then.
    Raises ServerFailed where no process trains it, Refused where the process says why not.
    """
    with contextlib.ExitStack() as closing:
        closing.enter_context(connection)
        try:
            connection.send("work", {"run": os.fspath(run.path), "resume": resume, "predecessor": predecessor, "told": told})
        except OSError as error:
            end_server(connection.pid)
            raise ServerFailed(str(error)) from error
        connection.wait_for_fork(importing)
        if told:
            closing.pop_all()


def end_server(pid: int) -> None:
    """Kill a server that does not answer; its children continue."""
    if pid > 1 and pid != os.getpid():
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
            until = time.monotonic() + FORKS
            while process_start(pid) and time.monotonic() < until:
                time.sleep(0.01)


def torch_server_runs() -> bool:
    """Whether there is a torch server of this environment."""
    return bool(process_start(_recorded(server_name(worker_environment()))[0]))


def is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()[0] in {b"T", b"t"}
    except (OSError, IndexError):
        return False


def _recorded(name: str) -> tuple[int, str]:
    """Pid and state in the lock file of a server; (0, "") if there are none."""
    try:
        words = (server_directory() / f"{name}.lock").read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return 0, ""
    return (int(words[0]), words[1]) if len(words) == 2 and words[0].isdigit() else (0, "")
