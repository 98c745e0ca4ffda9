"""A session over ssh that is cut: sshd on loopback, with a configuration and keys of its own."""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from gradtop.trainer.record import Run, read_meta, read_status
from tests.process.support import (
    CONFIG,
    FOREVER,
    GRADTOP,
    Process,
    let_others_go_first,
    state_of,
    wait_for_run,
    wait_for_step,
)
from tests.process.terminals import Tmux, require
from tests.support import wait_until

SSHD = "/usr/sbin/sshd"
CONF = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PrintMotd no
"""


@dataclass(frozen=True)
class Server:
    """An sshd, and how to reach it."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def command(self, *command: str) -> list[str]:
        """What runs a command there, on a terminal, with the settings of this test."""
        settings = {name: os.environ[name] for name in ("XDG_STATE_HOME", "XDG_RUNTIME_DIR", "PATH", "OMP_NUM_THREADS")} | {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        words = ["env", *(f"{name}={value}" for name, value in settings.items()), *command]
        options = ("UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no", "LogLevel=ERROR", "IdentitiesOnly=yes", "BatchMode=yes")
        return [
            *("ssh", "-tt", "-F", os.devnull, "-i", str(self.folder / "user"), "-p", str(self.port)),
            *(word for option in options for word in ("-o", option)),
            *(f"{getpass.getuser()}@127.0.0.1", shlex.join(words)),
        ]

    def sessions(self) -> list[psutil.Process]:
        """The processes of sshd that serve one connection each."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # it has ended by itself
                if child.name().startswith("sshd"):
                    found.append(child)
        return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    require(SSHD, "ssh", "ssh-keygen")
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
    if os.geteuid() == 0:
        # Where sshd puts the part of itself that has no rights; a package makes it when its service starts.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "conf").write_text(CONF.format(port=port, folder=folder))
    log = (folder / "log").open("wb")
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "conf")], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    log.close()

    def listens() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listens, 60, "sshd to listen")
    yield Server(port, folder, process)
    for session in Server(port, folder, process).sessions():
        session.kill()
    process.kill()
    process.wait()


def test_a_connection_that_is_cut_leaves_the_run_and_the_next_one_finds_it(
    tmp_path: Path, server: Server, tmux: Callable[..., Tmux], adopt: Callable[[Run], Process]
) -> None:
    runs = tmp_path / "runs"
    (tmp_path / "run.toml").write_text(CONFIG.format(epochs=FOREVER))
    train = [str(GRADTOP), "train", str(tmp_path / "run.toml"), "--watch", "--runs", str(runs)]
    here = tmux(*server.command(*train))
    run = wait_for_run(runs)
    worker = adopt(run)
    here.wait_for("● training", timeout=90)
    let_others_go_first(run)
    there = [child for child in psutil.Process(server.process.pid).children(recursive=True) if "gradtop" in " ".join(child.cmdline())]
    assert worker.pid not in {process.pid for process in psutil.Process(server.process.pid).children(recursive=True)}

    os.kill(here.pid, signal.SIGKILL)
    for session in server.sessions():
        with contextlib.suppress(psutil.NoSuchProcess):
            session.kill()

    wait_until(lambda: here.ended, 60, "the connection to end")
    assert there
    assert not psutil.wait_procs(there, timeout=20)[1], "the screen goes on without a connection"
    wait_for_step(run, read_status(run).step + 50)
    assert (worker.alive, state_of(run)) == (True, "training")

    again = tmux(*server.command(str(GRADTOP), "--runs", str(runs), "--no-server"))
    again.wait_for(read_meta(run).name, "● training")
    again.keys("q")
    again.wait_for("continues in the background")
    wait_for_step(run, read_status(run).step + 50)
