"""The torch server, for real: what its children are, what it survives, and what survives it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import tomli_w

from gradtop.trainer.launch import server, start_worker
from gradtop.trainer.launch.custom_code import code_of, remember
from gradtop.trainer.launch.server_address import server_directory, server_name
from gradtop.trainer.launch.worker_environment import environment
from gradtop.trainer.record import Run, RunReader, is_alive, process_start, read_status, send
from gradtop.trainer.record.death import DEATH
from gradtop.tui.cli.follow import follow
from gradtop.tui.cli.main import main
from tests.process.support import Process, Worker, make_run, stat_of, wait_for_state, wait_for_step
from tests.servers import end, ready_server, server_pids
from tests.support import wait_until
from tests.training.runs import differences, newest_state, rows

Adopt = Callable[[Run], Process]

CNN = """
[model]
kind = "cnn"
channels = [4, 8]
dropout = 0.2

[data]
kind = "fake"
samples = 100
classes = 3
image_size = 6
channels = 1

[training]
epochs = {epochs}
batch_size = 16
clip = 0.5
device = "cpu"
seed = 7
"""

# A model of the user's, which writes down what the process is that builds it.
WITNESS = """
import json, os, resource, signal, sys
import torch

def facts():
    return {
        "pid": os.getpid(), "session": os.getsid(0), "cwd": os.getcwd(), "color": os.environ.get("COLOR"), "umask": os.umask(0o077),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0], "threads": torch.get_num_threads(), "openblas": os.environ.get("OPENBLAS_NUM_THREADS"),
        "ignored": [int(n) for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN],
        "blocked": [int(n) for n in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
        "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler, "argv": sys.argv,
        "open": {fd: link(fd) for fd in os.listdir("/proc/self/fd")}, "zone": __import__("time").strftime("%Z"),
    }

def link(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""

def build(how="tell", path="facts.json"):
    if how == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "exit":
        raise SystemExit(3)
    if how == "noisy":
        print("{\\"total\\": 0}", "λ \\udcff", file=sys.stderr)
        print("λ", "x" * 200, "\\udcff\\n" * 20000, flush=True)
        os.write(1, b"\\xff from C\\n" * 20000)
        os.system("echo from a child; printf '\\\\377' >&2")
    with open(path, "w") as file:
        json.dump(facts(), file)
    return torch.nn.Linear(2, 3)
"""


def tables(target: str = "witness:build", **arguments: str) -> dict[str, Any]:
    """Of a model that this user has trained before: of another one nothing is answered."""
    model = {"kind": "custom", "target": target, "arguments": arguments}
    data = {"kind": "fake", "classes": 3, "image_size": 4, "channels": 1}
    remember(code_of({"model": model}))
    return {"model": model, "data": data}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "witness.py").write_text(WITNESS)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def own(own_servers: Path) -> int:
    """The process of a server that the test may end."""
    return ready_server()


def threads_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def facts(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / "facts.json").read_text())
    return found


def test_it_has_one_thread_and_no_gpu_after_every_kind_of_request(running_server: int, project: Path, tmp_path: Path, adopt: Adopt) -> None:
    assert threads_of(running_server) == 1
    for kind, arguments in (("lr_plan", {"tables": {}}), ("parameters", {"tables": {}}), ("parameters", {"tables": tables()})):
        server.request_answer(kind, arguments)
        assert threads_of(running_server) == 1
    run = make_run(tmp_path / "runs")
    start_worker(run)
    worker = adopt(run)
    wait_for_step(run, 5)
    assert threads_of(running_server) == 1
    assert threads_of(worker.pid) > 1
    assert not [path for path in open_files(running_server) if path.startswith("/dev/nvidia")]
    log = server_directory() / f"{server_name(environment())}.log"
    assert log.read_text() == "", "nothing went wrong while it warmed up"


def open_files(pid: int) -> list[str]:
    return [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]


def test_a_forked_process_is_as_one_that_was_started_where_it_was_asked_for(running_server: int, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLOR", "blue")
    monkeypatch.setenv("TZ", "XYZ-3")
    before, (soft, hard) = os.umask(0o027), resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 333), hard))
    try:
        server.request_answer("parameters", {"tables": tables()})
    finally:
        os.umask(before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    found = facts(project)
    assert found["session"] == found["pid"] not in {running_server, os.getpid()}
    assert (found["cwd"], found["color"], found["umask"], found["files"], found["zone"]) == (str(project), "blue", 0o027, min(soft, 333), "XYZ")
    assert found["openblas"] is None
    assert (found["blocked"], found["interrupt"]) == ([], True)
    assert found["ignored"] == [signal.SIGPIPE, signal.SIGXFSZ]
    sockets = [path for path in found["open"].values() if path.startswith("socket:")]
    assert len(sockets) == 1, "only the connection to whoever asked"


def test_user_code_is_imported_anew_by_each_process(running_server: int, project: Path) -> None:
    server.request_answer("parameters", {"tables": tables()})
    (project / "witness.py").write_text(WITNESS.replace("Linear(2, 3)", "Linear(2, 7)"))
    (project / "later.py").write_text("import torch\n\ndef build():\n    return torch.nn.Linear(4, 5)\n")
    assert server.request_answer("parameters", {"tables": tables()})["total"] == 21
    assert server.request_answer("parameters", {"tables": tables("later:build")})["total"] == 25


def test_a_worker_is_a_session_of_its_own_with_its_log_and_nothing_of_the_servers(running_server: int, tmp_path: Path, adopt: Adopt) -> None:
    run = make_run(tmp_path)
    start_worker(run)
    worker = adopt(run)
    wait_for_step(run, 5)
    _, _parent, _, session, terminal = stat_of(worker.pid)[:5]
    assert (int(session), terminal) == (worker.pid, "0")
    files = {link.name: str(link.readlink()) for link in Path(f"/proc/{worker.pid}/fd").iterdir()}
    assert (files["0"], files["1"], files["2"]) == ("/dev/null", str(run.log), str(run.log))
    assert not [path for path in files.values() if path.startswith("socket:") or ("/gradtop" in path and path.endswith((".lock", ".socket")))]
    assert stat.S_IMODE(run.log.stat().st_mode) == 0o600
    assert run.id in psutil.Process(worker.pid).cmdline()[0]
    assert is_alive(read_status(run))


def test_how_a_worker_ended_that_could_not_say_so_is_said(running_server: int, tmp_path: Path, adopt: Adopt, capsys: pytest.CaptureFixture[str]) -> None:
    for number, said in ((signal.SIGKILL, "killed by SIGKILL"), (signal.SIGSEGV, "crashed with SIGSEGV")):
        run = make_run(tmp_path)
        start_worker(run)
        worker = adopt(run)
        wait_for_step(run, 5)
        worker.kill(number)
        wait_until((run.path / DEATH).exists, why="the torch server's word on its child")
        assert follow(run, tmp_path) == 1
        assert re.search(rf"died after step [\d\u202f]+ \({said}\S*( out of memory\?)?\)\. Continue from ", capsys.readouterr().err)
        assert main(["show", run.id, "--runs", str(tmp_path)]) == 0
        assert re.search(rf"died +{said}", capsys.readouterr().out)
    words = RunReader(run).last_log_lines(3)
    assert "Fatal Python error: Segmentation fault" in words
    assert ", line " in words[-1]


def test_a_worker_that_says_how_it_ended_is_not_said_to_have_died(running_server: int, tmp_path: Path, adopt: Adopt) -> None:
    run = make_run(tmp_path, epochs=1)
    start_worker(run)
    wait_for_state(run, "done")
    other = make_run(tmp_path)
    start_worker(other)
    adopt(other).kill()
    wait_until((other.path / DEATH).exists, why="the death of a run that ended later")
    assert not (run.path / DEATH).exists()


def test_a_run_that_was_forked_equals_one_that_was_started_alone_bit_for_bit(
    running_server: int, tmp_path: Path, start: Callable[..., Worker], adopt: Adopt
) -> None:
    alone, run = (make_run(tmp_path, config=CNN, epochs=6) for _ in range(2))
    start_worker(run)
    adopt(run)
    start_worker(alone, server=False)
    adopt(alone)
    for each in (run, alone):
        wait_for_state(each, "done")
    one, other = ({key: value for key, value in newest_state(each).items() if key != "stopwatch"} for each in (alone, run))
    assert differences(one, other) == []
    assert rows(alone, "steps", "loss", "lr") == rows(run, "steps", "loss", "lr")
    assert rows(alone, "evals", "loss", "accuracy") == rows(run, "evals", "loss", "accuracy")


@pytest.mark.parametrize("alone", [False, True], ids=["server", "no server"])
def test_what_a_model_prints_while_it_is_built_is_no_part_of_the_answer(
    running_server: int, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], alone: bool
) -> None:
    (tmp_path / "noisy.toml").write_text(tomli_w.dumps(tables(how="noisy")))
    if alone:
        monkeypatch.setattr("gradtop.trainer.launch.server.environment", lambda: {**environment(), "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})

    assert main(["params", str(tmp_path / "noisy.toml"), "--json", *(["--no-server"] if alone else [])]) == 0

    printed = capfd.readouterr()
    assert json.loads(printed.out)["total"] == 9
    assert printed.err == ""


def test_a_process_that_crashes_takes_no_server_with_it(running_server: int, project: Path) -> None:
    with pytest.raises(OSError, match="ended without a reply"):
        server.request_answer("parameters", {"tables": tables(how="die")})
    with pytest.raises(OSError, match="witness:build raised SystemExit: 3"):
        server.request_answer("parameters", {"tables": tables(how="exit")})
    assert server.request_answer("parameters", {"tables": {}})["total"] > 0
    assert process_start(running_server)


def test_workers_survive_a_server_that_is_killed_and_the_next_one_costs_a_cold_start(own: int, own_servers: Path, tmp_path: Path, adopt: Adopt) -> None:
    first, second = make_run(tmp_path), make_run(tmp_path)
    start_worker(first)
    worker = adopt(first)
    step = wait_for_step(first, 5).step
    end(own)
    start_worker(second)
    assert read_status(second).state == "starting"
    wait_for_step(first, step + 5)
    assert worker.alive
    wait_for_step(second, 5)
    adopt(second)
    (new,) = server_pids(own_servers)
    assert psutil.Process(read_status(second).pid).ppid() == new


def test_a_server_that_is_stopped_is_ended_and_costs_no_run(own: int, tmp_path: Path, adopt: Adopt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "FORKS", 0.5)
    monkeypatch.setattr(server, "LAST_CHANCE", 0.1)
    os.kill(own, signal.SIGSTOP)
    run = make_run(tmp_path)
    start_worker(run)
    assert not process_start(own)
    wait_for_step(run, 5)
    adopt(run)


def test_a_server_that_is_killed_while_it_imports_costs_no_run(own_servers: Path, tmp_path: Path, adopt: Adopt) -> None:
    run = make_run(tmp_path)
    start_worker(run)
    (pid,) = wait_until(lambda: server_pids(own_servers), 30, "the server")
    end(pid)
    wait_for_step(run, 5)
    adopt(run)


def test_commands_that_come_while_the_server_imports_are_obeyed(own_servers: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    start_worker(run)
    send(run, "stop")
    wait_for_state(run, "stopped")


def test_a_start_that_is_terminated_while_the_server_imports_leaves_a_stopped_run(own_servers: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    start_worker(run)
    os.kill(read_status(run).pid, signal.SIGTERM)
    wait_for_state(run, "stopped")
    assert "SIGTERM" in run.log.read_text()


@pytest.mark.parametrize("nonsense", [b"\n", b"{}\n", b"[1, 2]\n", b'{"kind": "rm"}\n', b'{"kind": ["work"]}\n', b"\xff\xfe\n", b"x" * (5 << 20)], ids=["empty", "object", "list", "unknown", "no word", "no text", "endless"])
def test_nonsense_is_hung_up_on(running_server: int, nonsense: bytes) -> None:
    with raw_connection() as link, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        link.sendall(nonsense)
        assert link.recv(100) == b""
    assert server.request_answer("lr_plan", {"tables": {}})["steps"]
    assert process_start(running_server)


def raw_connection() -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(30)
    directory = os.open(server_directory(), os.O_RDONLY)
    try:
        link.connect(f"/proc/self/fd/{directory}/{server_name(environment())}.socket")
    finally:
        os.close(directory)
    return link


def test_half_a_request_is_not_waited_for_and_holds_nobody_up(running_server: int) -> None:
    with raw_connection() as link:
        link.sendall(b'{"kind"')
        assert server.request_answer("lr_plan", {"tables": {}})["steps"]
        assert link.recv(100) == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_users_request_is_refused(running_server: int) -> None:
    """Even where that user has been given the directory."""
    code = f"""
import os, socket, sys
link = socket.socket(socket.AF_UNIX)
os.chdir({str(server_directory())!r})
os.seteuid(65534)
link.settimeout(30)
link.connect({server_name(environment()) + ".socket"!r})
try:
    link.sendall(b'{{"kind": "lr_plan", "arguments": {{"tables": {{}}}}}}\\n')
    sys.exit(0 if link.recv(100) == b"" else 1)
except (BrokenPipeError, ConnectionResetError):
    pass
"""
    socket_file = server_directory() / f"{server_name(environment())}.socket"
    server_directory().chmod(0o711)
    socket_file.chmod(0o777)
    try:
        done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    finally:
        server_directory().chmod(0o700)
    assert done.returncode == 0, done.stderr


def test_it_ends_a_while_after_its_last_client_and_leaves_no_file(own_servers: Path) -> None:
    server.start_server(idle=0.2)
    (pid,) = server_pids(own_servers)
    connection = server.connect()
    assert connection is not None
    connection.stay()
    wait_until(lambda: not connection.importing, 60, "readiness")
    assert not Process(pid).ends_within(0.5)
    connection.close()
    wait_until(lambda: not process_start(pid), 10, "its end")
    assert list(server_directory().iterdir()) == []


def test_it_does_not_end_while_a_child_works(own_servers: Path, tmp_path: Path, adopt: Adopt) -> None:
    server.start_server(idle=0.2)
    (pid,) = server_pids(own_servers)
    run = make_run(tmp_path)
    start_worker(run)
    worker = adopt(run)
    wait_for_step(run, 5)
    assert not Process(pid).ends_within(0.6)
    wait_until(lambda: read_status(run).pid != 0, 10)
    Process(read_status(run).pid).kill()
    worker.kill()
    wait_until(lambda: not process_start(pid), 10, "its end")


def test_what_only_a_new_process_can_take_on_gets_another_server(own: int, own_servers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    assert server.connect() is None
    server.start_server()
    assert len(server_pids(own_servers)) == 2


def test_a_server_of_changed_files_sends_the_one_before_home(own: int, own_servers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = server_name(environment())
    monkeypatch.setattr(server, "server_name", lambda env: f"{name.partition('-')[0]}-changed")
    server.start_server()
    wait_until(lambda: not process_start(own), 10, "the end of the old one")
    assert len(server_pids(own_servers)) == 1


def test_five_that_start_it_at_once_start_one(own_servers: Path) -> None:
    five = [threading.Thread(target=server.start_server) for _ in range(5)]
    for thread in five:
        thread.start()
    for thread in five:
        thread.join()
    assert len(server_pids(own_servers)) == 1


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


@contextlib.contextmanager
def waiting(running_server: int) -> Iterator[psutil.Process]:
    """A process that waits for the next run, as it does for a screen that stays open; in a test itself, which pytest names in the environment."""
    with server.connect_or_start() as staying:
        staying.stay()
        yield ask_for_spare(running_server)


def ask_for_spare(running_server: int) -> psutil.Process:
    before = set(psutil.Process(running_server).children())
    with server.connect_or_start() as connection:
        connection.ask_for_spare()
        assert connection.receive(30) is None

    def ready() -> psutil.Process | None:
        for child in set(psutil.Process(running_server).children()) - before:
            with contextlib.suppress(psutil.NoSuchProcess):  # one that has written down how a worker ended
                if "ready" in "".join(child.cmdline()):
                    return child
        return None

    return wait_until(ready, 60, "its first step")


def test_a_process_that_waits_takes_the_next_run_and_trains_it_bit_for_bit_as_any_other(
    running_server: int, tmp_path: Path, adopt: Adopt
) -> None:
    with waiting(running_server) as spare:
        assert spare.num_threads() >= 1 == threads_of(running_server)
        run, alone = (make_run(tmp_path, config=CNN, epochs=6) for _ in range(2))
        start_worker(run)
        assert adopt(run).pid == spare.pid
        start_worker(alone)
        assert adopt(alone).pid != spare.pid
        for each in (run, alone):
            wait_for_state(each, "done")
        one, other = ({key: value for key, value in newest_state(each).items() if key != "stopwatch"} for each in (alone, run))
        assert differences(one, other) == []
        assert rows(alone, "steps", "loss", "lr") == rows(run, "steps", "loss", "lr")
        assert threads_of(running_server) == 1
        wait_until(lambda: not spare.is_running(), 30, "its end, which the server takes note of")


def test_a_process_that_waits_becomes_what_the_client_would_start(running_server: int, project: Path, tmp_path: Path, adopt: Adopt) -> None:
    with waiting(running_server) as spare:
        run = make_run(tmp_path, config=tomli_w.dumps(tables()))
        start_worker(run)
        worker = adopt(run)
        wait_for_state(run, "failed")  # of a model that does not fit the data
        found = facts(project)
        assert found["pid"] == found["session"] == worker.pid == spare.pid
        assert (found["cwd"], found["blocked"], found["openblas"]) == (str(project), [], None)
        assert [Path(argument).name for argument in found["argv"]] == ["gradtop-worker", run.id]
        assert not [path for path in found["open"].values() if path.startswith("socket:")]


def test_another_environment_is_given_a_process_of_its_own(running_server: int, project: Path, tmp_path: Path, adopt: Adopt, monkeypatch: pytest.MonkeyPatch) -> None:
    with waiting(running_server) as spare:
        monkeypatch.setenv("COLOR", "blue")
        run = make_run(tmp_path, config=tomli_w.dumps(tables()))
        start_worker(run)
        assert adopt(run).pid != spare.pid
        wait_for_state(run, "failed")
        assert facts(project)["color"] == "blue"
        assert spare.is_running()


def test_a_waiting_process_that_was_killed_costs_nothing(running_server: int, tmp_path: Path, adopt: Adopt) -> None:
    with waiting(running_server) as spare:
        spare.kill()
        run = make_run(tmp_path)
        start_worker(run)
        adopt(run)
        wait_for_step(run, 5)


def test_no_process_waits_once_the_last_screen_has_gone(running_server: int) -> None:
    with waiting(running_server) as spare:
        pass
    wait_until(lambda: not spare.is_running(), 30, "its end")
    with server.connect_or_start() as connection:
        connection.ask_for_spare()
        assert connection.receive(30) is None
    wait_until(lambda: not psutil.Process(running_server).children(), 30, "the end of whoever wrote how a worker ended")
