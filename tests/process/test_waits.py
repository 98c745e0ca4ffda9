"""A worker that waits for something that does not come still answers."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PIL import Image

from gradtop.trainer.checkpoint.format import saved_steps
from gradtop.trainer.record import EventReader, Run, read_status, send
from tests.process.support import CONFIG, Worker, make_run, wait_for_step
from tests.support import wait_until

Start = Callable[..., Worker]

DATA = '[data]\nkind = "fake"\nsamples = 200\nclasses = 3\nimage_size = 4\nchannels = 1\n'


def with_readers(tmp_path: Path, readers: int) -> Run:
    for number in range(40):
        path = tmp_path / "images" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
    data = f'[data]\nkind = "image_folder"\nroot = "{tmp_path / "images"}"\nimage_size = 8\nworkers = {readers}\n'
    return make_run(tmp_path / "runs", config=CONFIG.replace(DATA, data))


def test_a_stop_is_answered_and_leaves_a_checkpoint_while_a_process_that_reads_the_data_is_stopped(tmp_path: Path, start: Start) -> None:
    run = with_readers(tmp_path, 1)
    worker = start(run)
    wait_for_step(run, 3)
    # Each epoch has a process of its own; the one that is stopped is the one that is waited for.
    stop_a_reader(worker)

    identity = send(run, "stop")

    assert worker.wait(30) == 0
    status = read_status(run)
    assert (status.state, saved_steps(run.checkpoints)[-1]) == ("stopped", status.step)
    assert [event["ok"] for event in EventReader(run).refresh() if event.get("id") == identity] == [True]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_so_does_a_signal(tmp_path: Path, start: Start, number: signal.Signals) -> None:
    run = with_readers(tmp_path, 1)
    worker = start(run)
    wait_for_step(run, 3)
    stop_a_reader(worker)

    worker.kill(number)

    assert worker.wait(30) == 0
    status = read_status(run)
    assert (status.state, status.error, saved_steps(run.checkpoints)[-1]) == ("stopped", f"ended by {number.name}", status.step)


def test_too_few_open_files_for_the_processes_that_read_the_data_end_the_run_with_a_sentence_and_them(tmp_path: Path, start: Start) -> None:
    run = with_readers(tmp_path, 4)
    worker = start(run, open_files=32)

    assert worker.wait(30) == 1
    assert read_status(run).error.startswith("too many open files: a process may have 32 here; raise that with ulimit -n")


def stop_a_reader(worker: Worker) -> None:
    def stopped() -> bool:
        for child in psutil.Process(worker.pid).children():
            try:
                child.send_signal(signal.SIGSTOP)
            except psutil.NoSuchProcess:
                continue
            return True
        return False

    wait_until(stopped, why="a process that reads the data", interval=0.0)


def test_a_process_that_reads_the_data_and_is_killed_ends_the_run_with_a_sentence(tmp_path: Path, start: Start) -> None:
    run = with_readers(tmp_path, 2)
    worker = start(run)
    wait_for_step(run, 3)

    def killed() -> bool:
        for child in psutil.Process(worker.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile
                child.kill()
        return worker.ends_within(0.0)

    wait_until(killed, why="the end", interval=0.02)
    assert worker.wait() == 1
    assert "a process that reads the data died" in read_status(run).error


def test_a_start_that_hangs_is_ended_by_a_stop(tmp_path: Path, start: Start) -> None:
    data = '[data]\nkind = "custom"\ntarget = "signal:pause"\n'
    run = make_run(tmp_path, config=CONFIG.replace(DATA, data))
    worker = start(run)
    wait_until(lambda: read_status(run).state == "starting", why="the start")

    send(run, "stop")

    assert worker.wait(30) == 0
    status = read_status(run)
    assert status.state == "stopped"
    assert status.error.startswith("ended by the command stop in ")
