"""What the torch server forks: workers and answers, each as if it were started alone."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import stat
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import tomli_w
import torch

from gradtop.trainer.analysis.death import how_it_died
from gradtop.trainer.launch import answers, queue_worker, start_worker
from gradtop.trainer.launch.detached import start_and_hear
from gradtop.trainer.launch.server_address import server_directory, server_name
from gradtop.trainer.launch.worker_environment import worker_environment
from gradtop.trainer.record import Run, RunReader, RunState, is_alive, process_start, read_status, send
from gradtop.trainer.record.death import DEATH
from gradtop.trainer.record.pictures import PictureKind, Wanted
from gradtop.trainer.server.requests import ANSWERS, TELLING
from gradtop.tui.cli.follow import follow
from gradtop.tui.cli.main import main
from tests.process.server.project import CNN, WITNESS, facts, tables
from tests.process.support import Process, Worker, make_run, stat_of, threads_of, wait_for_state, wait_for_step
from tests.support import wait_until
from tests.training.runs import differences, newest_state, rows

Adopt = Callable[[Run], Process]


def test_it_has_one_thread_and_no_gpu_after_every_kind_of_request(running_server: int, project: Path, tmp_path: Path, adopt: Adopt) -> None:
    assert threads_of(running_server) == 1
    run = make_run(tmp_path / "runs")
    start_worker(run)
    worker = adopt(run)
    wait_for_step(run, 5)
    assert threads_of(running_server) == 1
    assert threads_of(worker.pid) > 1
    send(run, "stop")
    wait_for_state(run, "stopped")
    checkpoint = str(RunReader(run).forkable()[0].path)
    parameter = next(iter(torch.load(checkpoint, weights_only=True)["model"]))
    wanted = Wanted(parameter, PictureKind.MEAN, height=2, width=2).to_json()
    asked: list[tuple[str, dict[str, object]]] = [
        ("lr_plan", {"tables": {}}),
        ("parameters", {"tables": {}}),
        ("parameters", {"tables": tables()}),
        ("fork_weights", {"tables": tomllib.loads(run.config.read_text()), "checkpoint": checkpoint}),
        ("picture", {"run": str(run.path), "checkpoint": checkpoint, "wanted": wanted}),
        ("measure", {"job": "batch_size", "run": str(run.path), "question": {"batch_size": 8, "steps": 1, "warmup": 1}}),
    ]
    assert {kind for kind, _ in asked} == ANSWERS.keys()
    for kind, arguments in asked:
        answers.request_answer(kind, arguments)
        assert threads_of(running_server) == 1
    (part := tmp_path / "part").touch()
    works: list[tuple[str, dict[str, object]]] = [("check", {"tables": tomllib.loads(run.config.read_text()), "runs": str(run.path.parent)}), ("evaluate", {"run": str(run.path), "checkpoint": checkpoint, "data": "validation"}), ("predict", {"run": str(run.path), "checkpoint": checkpoint, "files": []}),
        ("export_model", {"run": str(run.path), "checkpoint": checkpoint, "format": "safetensors", "part": str(part)})]
    assert {kind for kind, _ in works} == TELLING.keys()
    for kind, arguments in works:
        answers.request_work(kind, arguments)
        assert threads_of(running_server) == 1
    start_worker(run, resume=True)
    adopt(run)
    assert threads_of(running_server) == 1
    assert not [path for path in open_files(running_server) if path.startswith("/dev/nvidia")]
    log = server_directory() / f"{server_name(worker_environment())}.log"
    assert log.read_text() == "", "nothing went wrong while it warmed up"


def open_files(pid: int) -> list[str]:
    return [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]


def test_a_forked_process_is_as_one_that_was_started_where_it_was_asked_for(running_server: int, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLOR", "blue")
    monkeypatch.setenv("TZ", "XYZ-3")
    before, (soft, hard) = os.umask(0o027), resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 333), hard))
    try:
        answers.request_answer("parameters", {"tables": tables()})
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
    answers.request_answer("parameters", {"tables": tables()})
    changed = WITNESS.replace("Linear(2, 3)", "Linear(2, 7)")
    # Longer, too: of a file that is as long as before and was written in the same second, Python takes what it compiled then.
    (project / "witness.py").write_text(changed + "\n")
    (project / "later.py").write_text("import torch\n\ndef build():\n    return torch.nn.Linear(4, 5)\n")
    assert answers.request_answer("parameters", {"tables": tables()})["total"] == 21
    assert answers.request_answer("parameters", {"tables": tables("later:build")})["total"] == 25


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


@pytest.mark.parametrize("queued", [False, True], ids=["started", "queued"])
def test_a_worker_that_no_server_forked_and_that_is_killed_has_a_cause_of_its_death_too(tmp_path: Path, adopt: Adopt, queued: bool) -> None:
    run = make_run(tmp_path)
    (queue_worker if queued else start_worker)(run, server=False)
    wait_for_state(run, "starting")
    worker = adopt(run)
    worker.kill()
    wait_until((run.path / DEATH).exists, why="the word of the process that waited for it")
    status = read_status(run)
    assert how_it_died(run, RunState.DIED, status).startswith("killed by SIGKILL")


@pytest.mark.parametrize("alone", [False, True], ids=["server", "no server"])
def test_what_a_model_prints_while_it_is_built_is_no_part_of_the_answer(
    running_server: int, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], alone: bool
) -> None:
    (tmp_path / "noisy.toml").write_text(tomli_w.dumps(tables(how="noisy")))
    if alone:
        monkeypatch.setattr("gradtop.trainer.launch.answers.worker_environment", lambda: {**worker_environment(), "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})

    assert main(["params", str(tmp_path / "noisy.toml"), "--json", *(["--no-server"] if alone else [])]) == 0

    printed = capfd.readouterr()
    assert json.loads(printed.out)["total"] == 9
    assert printed.err == ""


def test_a_process_that_crashes_takes_no_server_with_it(running_server: int, project: Path) -> None:
    with pytest.raises(OSError, match="ended without a reply"):
        answers.request_answer("parameters", {"tables": tables(how="die")})
    with pytest.raises(OSError, match="witness:build raised SystemExit: 3"):
        answers.request_answer("parameters", {"tables": tables(how="exit")})
    assert answers.request_answer("parameters", {"tables": {}})["total"] > 0
    assert process_start(running_server)


def test_an_answer_that_takes_long_keeps_nobody_else_waiting(running_server: int, project: Path) -> None:
    """The socket of whoever asked is shared with the process that answers, which waits on it."""
    gate = project / "gate"
    os.mkfifo(gate)
    (project / "slow.py").write_text("import torch\n\ndef build(path):\n    open(path).read()\n    return torch.nn.Linear(2, 2)\n")
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(answers.request_answer, "parameters", {"tables": tables("slow:build", path=str(gate))})
        opened = os.open(gate, os.O_WRONLY)  # when the process that answers has come so far
        try:
            assert answers.request_answer("lr_plan", {"tables": {}})["steps"]
            assert not slow.done()
        finally:
            os.close(opened)
        assert slow.result()["total"] == 6
    assert process_start(running_server)


def test_a_worker_calls_what_was_registered_for_its_end_and_writes_what_code_of_the_user_left_open(running_server: int, project: Path, tmp_path: Path, adopt: Adopt) -> None:
    (project / "leaving.py").write_text(
        "import atexit, pathlib, torch\n"
        "left = open('left.txt', 'w')\n"
        "left.write('all of it')\n"
        "atexit.register(pathlib.Path('atexit.txt').touch)\n"
        "def build():\n"
        "    return torch.nn.Linear(2, 3)\n"
    )
    run = make_run(tmp_path, config=tomli_w.dumps(tables("leaving:build")))
    start_worker(run)
    worker = adopt(run)
    wait_for_state(run, "failed")  # of a model that does not fit the data
    wait_until(lambda: not psutil.pid_exists(worker.pid), 30, "its end")
    assert (project / "left.txt").read_text() == "all of it"
    assert (project / "atexit.txt").exists()


@pytest.mark.parametrize("ending", ["stop", "SIGKILL"])
def test_who_asks_to_be_told_hears_the_end_of_a_worker_and_not_before(running_server: int, tmp_path: Path, adopt: Adopt, ending: str) -> None:
    run = make_run(tmp_path)
    with start_and_hear(run) or pytest.fail("no process of the server") as connection:
        worker = adopt(run)
        wait_for_step(run, 3)
        assert not connection.lost
        if ending == "stop":
            send(run, "stop")
        else:
            os.kill(worker.pid, signal.SIGKILL)
        wait_until(lambda: connection.lost, 30, "the worker hangs up")
        if ending == "stop":
            assert read_status(run).state is RunState.STOPPED
