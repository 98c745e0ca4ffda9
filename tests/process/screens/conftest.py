"""A screen server of a test's own, and terminals whose screens it forks."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from gradtop.tui.screen_client.address import server_name
from tests.servers import server_pids
from tests.support import wait_until
from tests.tui.runs_fixture import fake_run


class ScreenServer:
    """The server; what it has printed lies in `log`."""

    def __init__(self, runtime: Path, process: psutil.Process) -> None:
        self.log = runtime / "gradtop" / f"{server_name()}.log"
        self.socket = self.log.with_suffix(".socket")
        self.process = process

    def screens(self) -> list[psutil.Process]:
        found: list[psutil.Process] = self.process.children()
        return found

    def screen(self) -> psutil.Process:
        """The only one, as soon as it is there."""
        wait_until(lambda: len(self.screens()) == 1, 30, "a screen")
        return self.screens()[0]


@pytest.fixture
def serve(own_servers: Path) -> Iterator[Callable[..., ScreenServer]]:
    """Start the server and wait until it listens; `command` stands for the module's own start. It does not outlive the test."""
    started: list[psutil.Popen] = []

    def serve(*options: str, command: str = "") -> ScreenServer:
        words = ["-c", command] if command else ["-m", "gradtop.tui.screen_server", *options]
        process = psutil.Popen([sys.executable, "-P", *words], start_new_session=True, stdin=subprocess.DEVNULL)
        started.append(process)
        server = ScreenServer(own_servers, process)
        wait_until(lambda: server_pids(own_servers) == [process.pid] and server.socket.exists(), 60, "the screen server")
        return server

    yield serve
    for process in started:
        with contextlib.suppress(psutil.NoSuchProcess):  # a test has ended it
            process.kill()
        process.wait()


@pytest.fixture
def screens(serve: Callable[..., ScreenServer]) -> Iterator[ScreenServer]:
    server = serve()
    yield server
    said = server.log.read_text() if server.log.exists() else ""
    assert "Traceback" not in said


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    fake_run(folder, "quiet-heron", state="done", steps=40)
    return folder
