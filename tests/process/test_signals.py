"""Signals to a real worker that trains."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.checkpoint.format import saved_steps
from gradtop.trainer.record import EventReader, RunReader, read_status, send
from gradtop.trainer.runtime.children import is_stopped
from gradtop.tui.cli.follow import follow
from gradtop.tui.cli.main import main
from gradtop.tui.cli.signals import PASSED_ON, PassOn
from tests.process.support import Worker, acting_run, make_run, state_of, wait_for_step
from tests.support import wait_until
from tests.training.runs import check_alike, events, newest_state

Start = Callable[..., Worker]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGXCPU])
def test_a_signal_ends_the_run_with_a_checkpoint_of_its_last_step_and_is_named(tmp_path: Path, start: Start, number: signal.Signals) -> None:
    run = make_run(tmp_path)
    worker = start(run)
    wait_for_step(run, 20)

    worker.kill(number)

    assert worker.wait() == 0
    status = read_status(run)
    assert (status.state, status.error) == ("stopped", f"ended by {number.name}")
    assert EventReader(run).refresh()[-1]["reason"] == f"ended by {number.name}"
    assert saved_steps(run.checkpoints)[-1] == status.step


MOMENTS = [("evaluation", "SIGTERM"), ("checkpoint", "SIGINT"), ("evaluation", "SIGUSR1"), ("checkpoint", "SIGXCPU")]


@pytest.mark.parametrize(("moment", "name"), MOMENTS)
def test_a_signal_in_the_middle_of_an_evaluation_or_a_checkpoint_leaves_a_whole_one(tmp_path: Path, start: Start, moment: str, name: str) -> None:
    run, whole = (acting_run(tmp_path, moment, name) for _ in range(2))

    assert start(run).wait() == 0

    status = read_status(run)
    assert (status.state, status.error, status.step) == ("stopped", f"ended by {name}", 25)
    assert events(run, "end")[-1]["reason"] == f"ended by {name}"
    assert newest_state(run)["step"] == 25
    assert start(run, "--resume").wait() == start(whole).wait() == 0
    check_alike(whole, run)


def test_a_hang_up_in_the_middle_of_a_checkpoint_does_nothing(tmp_path: Path, start: Start) -> None:
    run = acting_run(tmp_path, "checkpoint", "SIGHUP", epochs=2)

    assert start(run).wait() == 0

    assert next(tmp_path.glob("checkpoint*")).exists()
    assert (read_status(run).state, newest_state(run)["step"]) == ("done", 50)


def test_what_fails_because_the_signal_went_to_other_processes_too_is_no_failure(tmp_path: Path, start: Start) -> None:
    run = acting_run(tmp_path, "evaluation", "SIGTERM to the group")

    assert start(run).wait() == 0

    status = read_status(run)
    assert (status.state, state_of(run)) == ("stopped", "stopped")
    assert status.error.startswith("ended by SIGTERM, with which step 26 failed (RuntimeError: C++ compile error; ")


@pytest.mark.parametrize(("moment", "action"), [("evaluation", "sys.exit"), ("checkpoint", "KeyboardInterrupt")])
def test_custom_code_that_ends_the_process_by_an_exception_is_a_failure_with_its_place(
    tmp_path: Path, start: Start, moment: str, action: str
) -> None:
    run = acting_run(tmp_path, moment, action, epochs=2)

    assert start(run).wait() == 1

    error = read_status(run).error
    assert error.startswith("SystemExit('no such mode') was raised by sys.exit in act, moments.py" if action == "sys.exit" else "KeyboardInterrupt() was raised in act, moments.py")
    assert state_of(run) == "failed"
    assert events(run, "end")[-1]["reason"] == error
    assert "in act" in run.log.read_text()


def test_a_signal_that_comes_before_the_first_step_ends_the_run(tmp_path: Path, start: Start) -> None:
    run = make_run(tmp_path)
    worker = start(run)
    wait_until(lambda: read_status(run).state == "starting", why="the start")

    worker.kill(signal.SIGTERM)

    assert worker.wait() == 0
    status = read_status(run)
    assert status.state == "stopped"
    assert status.error.startswith("ended by SIGTERM")


def test_a_run_that_is_stopped_by_a_signal_is_silent_and_goes_on_where_it_was(tmp_path: Path, start: Start) -> None:
    run = make_run(tmp_path)
    worker = start(run)
    step = wait_for_step(run, 20).step
    reader = RunReader(run, clock=lambda: time.time() + 1e6)

    def state() -> str:
        reader.refresh()
        return reader.state

    worker.kill(signal.SIGSTOP)
    wait_until(lambda: is_stopped(worker.pid), why="the stop")
    assert state() == "silent"
    worker.kill(signal.SIGCONT)
    wait_for_step(run, step + 200)
    wait_until(lambda: state() == "training", why="a heartbeat")


def test_kill_ends_a_worker_that_does_not_reply_by_force(tmp_path: Path, start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path)
    worker = start(run)
    wait_for_step(run, 20)
    worker.kill(signal.SIGSTOP)

    assert main(["kill", str(run.path), "--yes", "--timeout", "2"]) == 0  # as long it waits for the death, too

    assert worker.wait() == -signal.SIGKILL
    out, err = capfd.readouterr()
    assert out.endswith(" has died.\n")
    assert f"its process {worker.pid} was killed (SIGKILL)" in err


def test_a_hang_up_does_nothing(tmp_path: Path, start: Start) -> None:
    run = make_run(tmp_path)
    worker = start(run)
    wait_for_step(run, 20)

    worker.kill(signal.SIGHUP)

    wait_for_step(run, read_status(run).step + 200)
    assert (worker.alive, state_of(run)) == (True, "training")


def test_a_second_signal_ends_at_once_and_says_so(tmp_path: Path, start: Start) -> None:
    """The first one waits: a paused run that writes its checkpoint onto a pipe that nobody reads cannot finish."""
    run = make_run(tmp_path)
    worker = start(run)
    wait_for_step(run, 20)
    send(run, "pause")
    wait_until(lambda: state_of(run) == "paused", why="the pause")

    worker.kill(signal.SIGSTOP)
    worker.kill(signal.SIGTERM)
    worker.kill(signal.SIGINT)
    worker.kill(signal.SIGCONT)

    assert worker.ends_within(5.0)
    worker.wait()
    status = read_status(run)
    assert status.state == "stopped"
    assert "second" in status.error
    assert state_of(run) == "stopped"


@pytest.mark.parametrize("number", PASSED_ON)
def test_a_command_in_the_foreground_hands_its_signals_on_to_the_worker(
    tmp_path: Path, start: Start, number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    """As `docker stop`, or a batch script that hands on Slurm's warning."""
    run = make_run(tmp_path)
    worker = start(run)
    wait_for_step(run, 20)
    signals = PassOn(run)
    before = signal.getsignal(number)
    signals.install()
    try:
        threading.Timer(0.1, os.kill, (os.getpid(), number)).start()
        code = follow(run, tmp_path, signals=signals)
    finally:
        for each in PASSED_ON:
            signal.signal(each, before)

    assert code == 128 + number
    assert worker.wait() == 0
    assert f"ended by {number.name}" in "".join(capfd.readouterr())
