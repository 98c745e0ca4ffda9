"""The screen's half of the standby, with small programs at the other end; the real one is in tests/process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from gradtop.trainer.launch import Standby, standby, start_worker
from gradtop.trainer.record import Run, process_start, read_status
from tests.launch.support import make_run
from tests.support import wait_until

Made = Callable[[str], tuple[Standby, "subprocess.Popen[bytes]"]]

READY = "import os, sys; answer = lambda words: os.write(1, words.encode() + b'\\n'); answer(f'ready {os.getpid()}')\n"
TAKES = READY + "order = sys.stdin.readline(); open(sys.argv[1], 'w').write(order); answer('begun')\n"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    """A standby whose process is a Python program that is given a path to write to."""
    processes: list[subprocess.Popen[bytes]] = []
    standbys: list[Standby] = []

    def make(program: str) -> tuple[Standby, subprocess.Popen[bytes]]:
        def spawn(arguments: Sequence[str], *, stdin: int, stdout: int, stderr: int) -> int:
            assert arguments == ["--standby"]
            command = [sys.executable, "-c", program, str(tmp_path / "order")]
            processes.append(subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr))
            return 0

        standbys.append(Standby(spawn=spawn))
        standbys[-1].start()
        return standbys[-1], processes[-1]

    yield make
    for one in standbys:
        one.close()
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Run, bool]]:
    """The runs for which a process was started instead."""
    started: list[tuple[Run, bool]] = []
    monkeypatch.setattr(standby, "start_anew", lambda run, *, resume: started.append((run, resume)))
    monkeypatch.setattr("gradtop.trainer.launch.detached.start_anew", lambda run, *, resume: started.append((run, resume)))
    return started


def order_in(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / "order").read_text()))


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_ready_standby_takes_the_run_with_directory_and_environment(
    tmp_path: Path, made: Made, anew: list[tuple[Run, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, process = made(TAKES)
    run = make_run(tmp_path)
    wait_until(lambda: one.ready, why="readiness")
    assert one.pid == process.pid
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")

    start_worker(run, resume=True, standby=one)

    order = order_in(tmp_path)
    assert (order["run"], order["resume"], order["cwd"]) == (str(run.path), True, str(Path.cwd()))
    assert isinstance(order["env"], dict)
    assert order["env"]["CUDA_VISIBLE_DEVICES"] == "3"
    assert anew == []


def test_a_path_that_is_no_unicode_reaches_the_standby(tmp_path: Path, made: Made) -> None:
    one, _ = made(TAKES)
    run = Run(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    wait_until(lambda: one.ready, why="readiness")

    assert one.give(run)

    assert order_in(tmp_path)["run"] == str(run.path)


def test_one_that_is_not_ready_is_given_the_run_at_once_and_takes_it_later(
    tmp_path: Path, made: Made, anew: list[tuple[Run, bool]]
) -> None:
    one, process = made("import sys; sys.stdin.readline()\n" + READY + "open(sys.argv[1], 'w').write('{}'); answer('begun')\n")

    assert not one.ready
    start_worker(make_run(tmp_path), standby=one)

    assert process.wait(30) == 0
    wait_until((tmp_path / "order").exists, why="the order")
    assert anew == []


def test_one_that_ends_before_it_was_ready_is_replaced(
    tmp_path: Path, made: Made, anew: list[tuple[Run, bool]]
) -> None:
    one, process = made("import signal; signal.pause()")
    run = make_run(tmp_path)

    start_worker(run, resume=True, standby=one)
    assert anew == []
    process.kill()

    wait_until(lambda: anew, why="a new worker")
    assert anew == [(run, True)]


def test_one_that_died_while_it_waited_takes_nothing(tmp_path: Path, made: Made, anew: list[tuple[Run, bool]]) -> None:
    one, process = made(READY + "sys.stdin.read()")
    wait_until(lambda: one.ready, why="readiness")
    process.kill()
    process.wait()
    run = make_run(tmp_path)

    assert (one.ready, one.pid) == (False, 0)
    start_worker(run, standby=one)

    assert anew == [(run, False)]


def test_one_that_dies_of_the_order_is_replaced(tmp_path: Path, made: Made, anew: list[tuple[Run, bool]]) -> None:
    one, _ = made(READY + "sys.stdin.readline(); sys.exit(1)")
    run = make_run(tmp_path)
    wait_until(lambda: one.ready, why="readiness")

    start_worker(run, standby=one)

    assert anew == [(run, False)]


def test_one_that_does_not_answer_is_ended_before_another_is_started(
    tmp_path: Path, made: Made, anew: list[tuple[Run, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "TAKES", 0.05)
    one, process = made(READY + "sys.stdin.readline(); sys.stdin.read(); import time; time.sleep(1000)")
    run = make_run(tmp_path)
    wait_until(lambda: one.ready, why="readiness")

    start_worker(run, standby=one)

    assert process.wait(10) == -9
    assert anew == [(run, False)]


def test_closing_ends_it_and_it_takes_nothing_any_more(tmp_path: Path, made: Made) -> None:
    one, process = made(READY + "sys.stdin.read()")
    wait_until(lambda: one.ready, why="readiness")

    one.close()
    one.close()

    assert process.wait(10) == 0
    assert (one.ready, one.give(make_run(tmp_path))) == (False, False)


def test_closing_after_it_was_given_a_run_leaves_it_alone(tmp_path: Path, made: Made) -> None:
    one, process = made(TAKES + "open(sys.argv[1] + '.rest', 'w').write(sys.stdin.read()); import signal; signal.pause()")
    wait_until(lambda: one.ready, why="readiness")
    assert one.give(make_run(tmp_path))

    one.close()

    wait_until((tmp_path / "order.rest").exists, why="the end of its input")
    assert process_start(process.pid) > 0


def test_a_standby_that_was_never_started_takes_nothing(tmp_path: Path, anew: list[tuple[Run, bool]]) -> None:
    one = Standby()
    run = make_run(tmp_path)

    assert not one.ready
    start_worker(run, standby=one)

    assert anew == [(run, False)]


def test_an_interpreter_that_is_not_there_is_an_error_and_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    before = open_descriptors()

    with pytest.raises(FileNotFoundError):
        Standby().start()

    assert open_descriptors() == before


def test_a_worker_that_could_not_be_started_late_is_told_of_in_the_status(
    tmp_path: Path, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, process = made("import sys; sys.stdin.read()")
    run = make_run(tmp_path)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    assert one.give(run)
    process.kill()

    wait_until(lambda: read_status(run).state == "failed", why="the failure")
    assert "/nowhere/python" in read_status(run).error
