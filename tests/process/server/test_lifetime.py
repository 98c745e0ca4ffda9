"""What the torch server survives, what survives it, and when it ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from gradtop.trainer.launch import server, start_worker
from gradtop.trainer.launch.server_address import server_directory, server_name
from gradtop.trainer.launch.worker_environment import worker_environment
from gradtop.trainer.record import Run, process_start, read_status, send
from tests.process.support import Process, Zygote, let_others_go_first, make_run, wait_for_state, wait_for_step
from tests.servers import end, ready_server, server_pids
from tests.support import wait_until

Adopt = Callable[[Run], Process]


def test_workers_survive_a_server_that_is_killed_and_the_next_one_costs_a_cold_start(own: int, own_servers: Path, tmp_path: Path, adopt: Adopt) -> None:
    first, second = make_run(tmp_path), make_run(tmp_path)
    start_worker(first)
    worker = adopt(first)
    step = wait_for_step(first, 5).step
    let_others_go_first(first)
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
    # One that had yet to listen would outlive the test, which ends those that do.
    wait_until(lambda: server_pids(own_servers), 30, "the server")
    os.kill(read_status(run).pid, signal.SIGTERM)
    wait_for_state(run, "stopped")
    assert "SIGTERM" in run.log.read_text()


def test_it_ends_a_while_after_its_last_client_and_leaves_no_file(zygote: Zygote, own_servers: Path) -> None:
    zygote.start_server(idle=0.5)
    (pid,) = server_pids(own_servers)
    connection = server.connect()
    assert connection is not None
    connection.stay()
    wait_until(lambda: not connection.importing, 60, "readiness")
    assert not Process(pid).ends_within(0.8)
    connection.close()
    wait_until(lambda: not process_start(pid), 10, "its end")
    assert list(server_directory().iterdir()) == []


@pytest.mark.parametrize("ready", [False, True], ids=["importing", "ready"])
def test_one_that_is_terminated_leaves_no_file_and_its_workers_go_on(zygote: Zygote, own_servers: Path, tmp_path: Path, adopt: Adopt, ready: bool) -> None:
    zygote.start_server()
    (pid,) = server_pids(own_servers)
    run = make_run(tmp_path)
    if ready:
        assert ready_server() == pid
        start_worker(run)
        worker = adopt(run)
        wait_for_step(run, 5)
    end(pid, signal.SIGTERM)
    assert list(server_directory().iterdir()) == []
    if ready:
        step = read_status(run).step
        wait_for_step(run, step + 5)
        assert worker.alive


def test_what_a_killed_one_left_is_removed_by_the_next_of_any_environment(own: int, own_servers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    end(own)
    left = set(server_directory().iterdir())
    assert {path.suffix for path in left} == {".socket", ".lock", ".log"}
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    server.start_server()
    (new,) = server_pids(own_servers)
    monkeypatch.delenv("MKL_CBWR")
    there = set(server_directory().iterdir())
    assert there.isdisjoint(left)
    assert {path.suffix for path in there} == {".socket", ".lock", ".log"}
    server.start_server()  # one that lives keeps its files
    assert there < set(server_directory().iterdir())
    assert process_start(new)


def test_it_does_not_end_while_a_child_works(zygote: Zygote, own_servers: Path, tmp_path: Path, adopt: Adopt) -> None:
    zygote.start_server(idle=0.5)
    (pid,) = server_pids(own_servers)
    run = make_run(tmp_path)
    with server.connect_or_start() as connection:
        connection.stay()
        assert ready_server() == pid
        start_worker(run)
        worker = adopt(run)
    assert not Process(pid).ends_within(0.8)
    assert psutil.Process(worker.pid).ppid() == pid
    worker.kill()
    wait_until(lambda: not process_start(pid), 10, "its end")


def test_what_only_a_new_process_can_take_on_gets_another_server(own: int, own_servers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    assert server.connect() is None
    server.start_server()
    assert len(server_pids(own_servers)) == 2


def test_a_server_of_changed_files_sends_the_one_before_home(own: int, own_servers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = server_name(worker_environment())
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
