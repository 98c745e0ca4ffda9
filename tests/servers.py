"""Servers that tests start, and their end."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from gradtop.trainer.launch import server
from gradtop.trainer.record import process_start
from tests.support import wait_until

MODULES = (b"gradtop.trainer.server", b"gradtop.tui.screen_server")


def server_pids(runtime: Path) -> list[int]:
    """The processes that listen below a directory that stands as XDG_RUNTIME_DIR."""
    found = []
    for lock in (runtime / "gradtop").glob("*.lock"):
        words = lock.read_text(encoding="ascii").split()
        if words and process_start(int(words[0])):
            found.append(int(words[0]))
    return found


def starting(runtime: Path) -> list[int]:
    """Those that a command has just started in the background with that directory, and that may not have a lock yet."""
    wanted, found = os.fsencode(f"XDG_RUNTIME_DIR={runtime}"), []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(name in (process / "cmdline").read_bytes() for name in MODULES) and wanted in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found


def ready_server() -> int:
    """The process of the server of this environment, started where there is none, once it has imported PyTorch."""
    with server.connect_or_start() as connection:
        connection.send("lr_plan", {"tables": {}})
        connection.wait_for_fork()
        return connection.pid


def end_servers(runtime: Path) -> None:
    while pids := {*server_pids(runtime), *starting(runtime)}:
        for pid in pids:
            end(pid)


def end(pid: int, number: int = signal.SIGKILL) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
    wait_until(lambda: not process_start(pid), 30, f"the end of process {pid}")


@contextlib.contextmanager
def servers_below(runtime: Path) -> Iterator[Path]:
    """Servers listen below this directory; none outlives the block."""
    runtime.mkdir(parents=True, exist_ok=True)
    try:
        yield runtime
    finally:
        end_servers(runtime)
