"""Whose requests the torch server takes, and what it does with nonsense."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.launch import answers, server, start_worker
from gradtop.trainer.launch.server_address import server_directory, server_name
from gradtop.trainer.launch.worker_environment import worker_environment
from gradtop.trainer.record import Run, process_start
from tests.process.support import Process, make_run, wait_for_step

Adopt = Callable[[Run], Process]


@pytest.mark.parametrize("nonsense", [b"\n", b"{}\n", b"[1, 2]\n", b'{"kind": "rm"}\n', b'{"kind": ["work"]}\n', b"\xff\xfe\n", b"x" * (5 << 20), b"[" * 200_000 + b"\n", b'{"kind": "spare", "process": 3}\n', b'{"kind": "work", "arguments": [1]}\n'], ids=["empty", "object", "list", "unknown", "no word", "no text", "endless", "nested", "no process", "no arguments"])
def test_nonsense_is_hung_up_on(running_server: int, nonsense: bytes) -> None:
    with raw_connection() as link, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        link.sendall(nonsense)
        assert link.recv(100) == b""
    assert answers.request_answer("lr_plan", {"tables": {}})["steps"]
    assert process_start(running_server)


def raw_connection() -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(30)
    directory = os.open(server_directory(), os.O_RDONLY)
    try:
        link.connect(f"/proc/self/fd/{directory}/{server_name(worker_environment())}.socket")
    finally:
        os.close(directory)
    return link


def test_half_a_request_is_not_waited_for_and_holds_nobody_up(running_server: int) -> None:
    with raw_connection() as link:
        link.sendall(b'{"kind"')
        assert answers.request_answer("lr_plan", {"tables": {}})["steps"]
        assert link.recv(100) == b""


# Listens where the server of this environment would, and gives one answer to whatever it is asked.
IMPOSTOR = """
import os, socket, sys
link = socket.socket(socket.AF_UNIX)
os.chdir(sys.argv[1])
link.bind(sys.argv[2])
link.listen()
print("ready", flush=True)
while True:
    client, _ = link.accept()
    client.recv(1 << 20)
    client.sendall(eval(sys.argv[3]))
    client.close()
"""


@pytest.mark.parametrize("answer", ["b'no JSON\\n'", "b'[1]\\n'", "b'{\"begun\": \"x\"}\\n'", "b'[' * 200_000 + b'\\n'", "b''"], ids=["text", "list", "no process", "nested", "nothing"])
def test_a_server_that_answers_nonsense_costs_no_run(own_servers: Path, tmp_path: Path, adopt: Adopt, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    (own_servers / "gradtop").mkdir(mode=0o700)
    command = [sys.executable, "-c", IMPOSTOR, str(server_directory()), f"{server_name(worker_environment())}.socket", answer]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as impostor:
        assert impostor.stdout is not None
        assert impostor.stdout.readline() == b"ready\n"
        run, cold = make_run(tmp_path), []
        monkeypatch.setattr("gradtop.trainer.launch.detached._start", lambda run, *options, **_: cold.append((run, options)))
        start_worker(run)
        assert cold == [(run, ("--now",))]
        assert impostor.wait(30) == -signal.SIGKILL, "nobody else loses time with it"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_users_request_is_refused(running_server: int) -> None:
    """Even where that user has been given the directory."""
    code = f"""
import os, socket, sys
link = socket.socket(socket.AF_UNIX)
os.chdir({str(server_directory())!r})
os.seteuid(65534)
link.settimeout(30)
link.connect({server_name(worker_environment()) + ".socket"!r})
try:
    link.sendall(b'{{"kind": "lr_plan", "arguments": {{"tables": {{}}}}}}\\n')
    sys.exit(0 if link.recv(100) == b"" else 1)
except (BrokenPipeError, ConnectionResetError):
    pass
"""
    socket_file = server_directory() / f"{server_name(worker_environment())}.socket"
    server_directory().chmod(0o711)
    socket_file.chmod(0o777)
    try:
        done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    finally:
        server_directory().chmod(0o700)
    assert done.returncode == 0, done.stderr


def test_a_directory_that_others_may_write_is_not_used_and_runs_start_all_the_same(own_servers: Path, tmp_path: Path, adopt: Adopt) -> None:
    (own_servers / "gradtop").mkdir(mode=0o777)
    (own_servers / "gradtop").chmod(0o777)
    with pytest.raises(PermissionError, match="with mode 0700"):
        server.connect()
    run = make_run(tmp_path)
    start_worker(run)
    wait_for_step(run, 5)
    adopt(run)
    assert list((own_servers / "gradtop").iterdir()) == []
    assert "mode 0700" in run.log.read_text()
