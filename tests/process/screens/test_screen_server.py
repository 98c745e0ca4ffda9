"""The screen server itself: what it refuses, when it ends, and who starts it."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.tui.screen_client.address import LARGEST, REFUSED, request_of
from tests.process.screens.conftest import ScreenServer
from tests.process.support import GRADTOP
from tests.process.terminals import Tmux
from tests.support import wait_until

Terminal = Callable[..., Tmux]
Serve = Callable[..., ScreenServer]
# Began so long ago that each of its modules has changed since.
OUTDATED = """
from gradtop.tui.cli import installation
installation.begin = lambda: setattr(installation, "_began", 1.0)
from gradtop.tui.screen_server.__main__ import main
main()
"""
# Changed once it has forked a screen.
OUTDATED_AFTER_ONE = """
from gradtop.tui.screen_server import server
answers = iter([[], ["gradtop"]])
server.replaced = lambda: next(answers)
from gradtop.tui.screen_server.__main__ import main
main()
"""
# Tells at its end, in the file that the environment names, what the screen had to import.
TELLING = """
import os, sys
from pathlib import Path
from gradtop.tui.screen_server import __main__ as start
def serve(server, serve=start.ScreenServer.serve):
    global before
    screen, before = serve(server), set(sys.modules)
    return screen
start.ScreenServer.serve = serve
code = start.main()
Path(os.environ["TELL"]).write_text(" ".join(set(sys.modules) - before) + "\\n")
sys.exit(code)
"""
# Keys, and what is shown then.
WALK = (
    ("2", "2 Parameters"), ("3", "3 Gradients"), ("4", "4 Weights"), ("5", "5 Schedule"), ("6", "6 Tune"), ("7", "7 Runs"), ("8", "8 Search"),
    ("9", "9 System"), ("1", "─ loss ─"), ("?", "keys in 1"), ("Escape", "─ loss ─"), ("L", "─ worker.log of"), ("Escape", "─ findings ─"),
    ("C-p", "Search for"),
)  # fmt: skip


def connected(server: ScreenServer) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link.settimeout(30)
    directory = os.open(server.socket.parent, os.O_RDONLY | os.O_DIRECTORY)
    link.connect(f"/proc/self/fd/{directory}/{server.socket.name}")  # an address has 108 bytes at most
    os.close(directory)
    return link


def request() -> bytes:
    return request_of([b"gradtop", b"watch", b"nobody"], dict(os.environb), "utf-8")


MESSAGES: dict[str, Callable[[], bytes]] = {
    "nonsense": lambda: b"nonsense",
    "zeros": lambda: b"\0" * 9999,
    "half": lambda: request()[:40],
    "no terminal": request,
    "long": lambda: request() * (LARGEST // len(request())),
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_nonsense_and_requests_without_a_terminal_are_refused(kind: str, screens: ScreenServer, tmp_path: Path) -> None:
    data = MESSAGES[kind]()
    with connected(screens) as link:
        link.send(data)
        assert link.recv(64)[:1] == REFUSED
        assert not link.recv(64), "it has hung up"
    with connected(screens) as link, (tmp_path / "file").open("w") as file:
        socket.send_fds(link, [data], [file.fileno(), file.fileno()])
        assert link.recv(64)[:1] == REFUSED
    assert not screens.screens()


def test_descriptors_of_refused_requests_are_closed(screens: ScreenServer, tmp_path: Path) -> None:
    before = screens.process.num_fds()
    with (tmp_path / "file").open("w") as file:
        for _ in range(20):
            with connected(screens) as link:
                socket.send_fds(link, [request()], [file.fileno()] * 5)
                assert link.recv(64)[:1] == REFUSED
    wait_until(lambda: screens.process.num_fds() <= before, 30, "all descriptors closed")


def test_whoever_connects_and_says_nothing_keeps_nobody_waiting(screens: ScreenServer) -> None:
    with connected(screens) as silent, connected(screens) as other:
        other.send(b"nonsense")
        assert other.recv(64)[:1] == REFUSED
        assert not silent.recv(64), "hung up after a while"


def test_a_server_whose_files_have_changed_refuses_and_ends(serve: Serve, tmux: Terminal, runs: Path) -> None:
    outdated = serve(command=OUTDATED)
    screen = tmux(str(GRADTOP), "watch", "last", "--runs", str(runs))
    screen.wait_for("quiet-heron", "loss")
    outdated.process.wait(30)
    assert not outdated.socket.exists()
    screen.keys("q")
    screen.wait_for("quiet-heron is done")


def test_a_server_whose_files_change_while_it_has_a_screen_makes_room_for_the_next(serve: Serve, tmux: Terminal, runs: Path) -> None:
    old = serve(command=OUTDATED_AFTER_ONE)
    watch = (str(GRADTOP), "watch", "last", "--runs", str(runs))
    first = tmux(*watch)
    first.wait_for("quiet-heron", "loss")
    assert len(old.screens()) == 1
    second = tmux(*watch)
    second.wait_for("quiet-heron", "loss")
    assert len(old.screens()) == 1, "it has forked one more"

    new = serve()
    third = tmux(*watch)
    third.wait_for("quiet-heron", "loss")
    assert len(new.screens()) == len(old.screens()) == 1
    first.keys("q")
    first.wait_for("quiet-heron is done")
    old.process.wait(30)


def test_a_server_that_hangs_is_ended_and_the_screen_opens_without(serve: Serve, tmux: Terminal, runs: Path) -> None:
    hanging = serve()
    hanging.process.suspend()
    screen = tmux(str(GRADTOP), "watch", "last", "--runs", str(runs))
    screen.wait_for("quiet-heron", "loss")
    assert hanging.process.wait(30) == -signal.SIGKILL
    screen.keys("q")
    screen.wait_for("quiet-heron is done")


def test_who_has_gone_before_the_screen_is_forked_leaves_no_trace(screens: ScreenServer, runs: Path) -> None:
    ours, theirs = os.openpty()
    here = os.open(runs, os.O_RDONLY | os.O_DIRECTORY)
    os.close(ours)
    with connected(screens) as link:
        socket.send_fds(link, [request()], [theirs, here])
        answers = [link.recv(64)[:1]]
        while answers[-1]:
            answers.append(link.recv(64)[:1])
    assert answers == [REFUSED, b""], "it is no terminal any more"
    for descriptor in (theirs, here):
        os.close(descriptor)


def test_a_server_that_nobody_needs_ends_and_removes_its_files(serve: Serve) -> None:
    server = serve("--idle", "0.5")
    assert server.process.wait(60) == 0
    assert not list(server.log.parent.iterdir())


def test_of_two_servers_one_serves(screens: ScreenServer) -> None:
    second = subprocess.run([sys.executable, "-P", "-m", "gradtop.tui.screen_server"], check=False)
    assert second.returncode == 0
    with connected(screens) as link:
        link.send(b"nonsense")
        assert link.recv(64)[:1] == REFUSED


def test_a_screen_that_is_left_leaves_a_server_for_the_next(tmux: Terminal, runs: Path, own_servers: Path) -> None:
    watch = [str(GRADTOP), "watch", "last", "--runs", str(runs)]
    first = tmux(*watch)
    first.wait_for("quiet-heron", "loss")
    assert not list(own_servers.rglob("screens_*.socket"))
    first.keys("q")
    first.wait_for("quiet-heron is done")
    wait_until(lambda: bool(list(own_servers.rglob("screens_*.socket"))), 60, "a screen server")

    second = tmux("sh", "-c", f"{shlex.join(watch)}; echo code=$?")
    second.wait_for("quiet-heron", "loss")
    [server] = (int(lock.read_text().split()[0]) for lock in own_servers.rglob("screens_*.lock"))
    assert Path(f"/proc/{server}/task/{server}/children").read_text().split(), "the second draws for itself"
    second.keys("q")
    second.wait_for("code=0")


def test_a_screen_without_server_leaves_none(tmux: Terminal, runs: Path, own_servers: Path) -> None:
    screen = tmux("sh", "-c", shlex.join([str(GRADTOP), "watch", "last", "--runs", str(runs), "--no-server"]) + "; echo code=$?")
    screen.wait_for("quiet-heron", "loss")
    screen.keys("q")
    screen.wait_for("code=0")
    assert not list(own_servers.rglob("screens_*"))


def test_a_screen_shows_every_mode_the_help_a_log_and_the_palette_and_imports_nothing(serve: Serve, tmux: Terminal, runs: Path, tmp_path: Path) -> None:
    """What it imports is waited for, and takes a core from the training that it watches."""
    serve(command=TELLING)
    told = tmp_path / "told"
    screen = tmux("env", f"TELL={told}", str(GRADTOP), "watch", "last", "--runs", str(runs))
    screen.wait_for("quiet-heron", "loss")
    for key, shown in WALK:
        screen.keys(key)
        screen.wait_for(shown)
    screen.keys("Escape")
    screen.wait_without("Search for")

    def has_left() -> bool:
        screen.keys("q")  # one that comes as the palette closes is the palette's
        return told.exists() and told.read_text().endswith("\n")

    wait_until(has_left, 60, "the end of the screen")
    assert not told.read_text().split()
