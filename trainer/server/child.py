"""What a forked process does first: become what a process started by the client would be."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradtop.trainer.launch.forking import forget_signals, take_on
from gradtop.trainer.server.process import print_anything, redirect
from gradtop.trainer.server.requests import WORK, answer_to


class Child:
    """The forked process: takes on the client's surroundings, says that it has begun, works, and says how that ended."""

    def __init__(self, link: socket.socket, kind: str, arguments: Mapping[str, Any], process: Mapping[str, Any]) -> None:
        self._link = link
        self._kind = kind
        self._arguments = arguments
        self._process = process

    def run(self) -> int:
        """Returns the exit code; of an answer, never."""
        become_process(self._process)
        return self.work()

    def work(self) -> int:
        """As `run`, in a process that is already what the client's would be."""
        self._link.setblocking(True)
        if self._kind in WORK:
            return WORK[self._kind](self._arguments, self)
        code = 1
        try:
            redirect()
            print_anything()
            self.begun()
            self.say(answer_to(self._kind, self._arguments, self.say))
            code = 0
        finally:
            # Nothing that the imports have registered for the end of the interpreter is this process's to do.
            os._exit(code)

    @property
    def wanted(self) -> bool:
        """Whether the client still waits: who has given up has found somebody else for the work."""
        return not select.select([self._link], [], [], 0.0)[0]

    def begun(self) -> None:
        self.say({"begun": os.getpid()})

    def refused(self, why: str) -> None:
        self.say({"error": why})

    def say(self, words: Mapping[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._link.sendall(json.dumps(words).encode() + b"\n")

    def hang_up(self) -> None:
        """May be called again."""
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)  # whatever process has inherited it
        self._link.close()


def become_process(process: Mapping[str, Any]) -> None:
    """In a process that was just forked: what one is that the client starts, with its directory and all threads."""
    os.setsid()
    forget_signals()
    env = process.get("env") or {}
    limits = process.get("limits") or {}
    take_on({str(name): str(value) for name, value in env.items()}, {int(number): int(soft) for number, soft in limits.items()}, int(process.get("umask", 0o022)))
    if cwd := process.get("cwd"):
        # A directory that has gone since is no reason not to work: runs are named by absolute paths.
        with contextlib.suppress(OSError):
            os.chdir(cwd)
    use_all_threads()


def use_all_threads() -> None:
    """PyTorch and numpy compute in the server with one thread; here with as many as in any process."""
    import torch

    from gradtop.trainer.runtime.threads import AT_START

    torch.set_num_threads(AT_START)
    if (set_threads := openblas("set_num_threads")) is not None:
        wanted = next((value for name in ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS") if (value := os.environ.get(name, "")).isdigit()), "")
        set_threads(int(wanted) or 1 if wanted else len(os.sched_getaffinity(0)))


def openblas(function: str) -> Any:
    """A function of the OpenBLAS that came with numpy; None where numpy has another library."""
    numpy = sys.modules.get("numpy")
    if numpy is None or numpy.__file__ is None:
        return None
    for library in sorted(Path(numpy.__file__).parents[1].glob("numpy.libs/*openblas*")):
        with contextlib.suppress(OSError, AttributeError):
            return getattr(ctypes.CDLL(os.fspath(library)), f"scipy_openblas_{function}64_")
    return None
