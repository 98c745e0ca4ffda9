"""A screen server of a test's own, and terminals whose screens it forks."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from gradtop.tui.screen_client.address import screen_server_name
from tests.support import wait_until
from tests.tui.runs_fixture import fake_run

# What `quiet_environment` takes from each test.
QUIET = ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES", "PYTHONPATH")


class ScreenServer:
    """The server; what it has printed lies in `log`."""

    def __init__(self, runtime: Path, process: psutil.Process) -> None:
        self.log = runtime / "gradtop" / f"{screen_server_name()}.log"
        self.socket = self.log.with_suffix(".socket")
        self.process = process

    def is_ready(self) -> bool:
        lock = self.log.with_suffix(".lock")
        return lock.exists() and lock.read_text().split() == [str(self.process.pid), "ready"]

    def screens(self) -> list[psutil.Process]:
        found: list[psutil.Process] = self.process.children()
        return found

    def screen(self) -> psutil.Process:
        """The only one, as soon as it is there."""
        wait_until(lambda: len(self.screens()) == 1, 30, "a screen")
        return self.screens()[0]


@contextlib.contextmanager
def serving(runtime: Path, *options: str, command: str = "") -> Iterator[ScreenServer]:
    """The server, listening; `command` stands for the module's own start. It does not outlive the block."""
    words = ["-c", command] if command else ["-m", "gradtop.tui.screen_server", *options]
    env = {name: value for name, value in os.environ.items() if name not in QUIET} | {"XDG_RUNTIME_DIR": os.fspath(runtime)}
    with psutil.Popen([sys.executable, "-P", *words], start_new_session=True, stdin=subprocess.DEVNULL, env=env) as process:
        server = ScreenServer(runtime, process)
        try:
            wait_until(server.is_ready, 60, "the screen server")
            yield server
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):  # it has ended by itself
                process.kill()


@pytest.fixture
def serve(own_servers: Path) -> Iterator[Callable[..., ScreenServer]]:
    """Start a server that nobody else asks, as `serving` does."""
    with contextlib.ExitStack() as servers:
        yield lambda *options, **more: servers.enter_context(serving(own_servers, *options, **more))


@pytest.fixture(scope="module")
def shared_screens(shared_servers: Path) -> Iterator[ScreenServer]:
    with serving(shared_servers) as server:
        yield server


@pytest.fixture
def screens(quiet_environment: None, shared_screens: ScreenServer) -> Iterator[ScreenServer]:
    """A server that tests share, without a screen."""
    wait_until(lambda: not shared_screens.screens(), 30, "the end of all screens of the test before")
    said = shared_screens.log.read_text()
    yield shared_screens
    assert "Traceback" not in shared_screens.log.read_text().removeprefix(said)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    fake_run(folder, "quiet-heron", state="done", steps=40)
    return folder
