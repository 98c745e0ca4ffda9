"""A range test in a process of its own: signals, and what is left when it is killed."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from gradtop.trainer.config import parse_config
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, StreamReader, read_status
from tests.process.support import CONFIG, Worker, state_of, wait_for_step

Start = Callable[..., Worker]


def long_test(folder: Path) -> Run:
    overrides = ["lr_range.steps=100000", "lr_range.end=1e-4"]
    return create_run(folder, parse_config(CONFIG.format(epochs=1), overrides=overrides, job="lr_range"))


def recorded(run: Run) -> int:
    reader = StreamReader(run, "lr_range")
    reader.refresh()
    return len(list(reader.rows()))


def test_a_signal_stops_it_and_it_says_what_it_has_found(tmp_path: Path, start: Start) -> None:
    run = long_test(tmp_path)
    worker = start(run)
    wait_for_step(run, 20)
    worker.kill(signal.SIGTERM)
    assert worker.wait() == 0
    status = read_status(run)
    assert (status.state, status.error) == ("stopped", "ended by SIGTERM")
    assert recorded(run) == status.step


def test_killed_it_shows_as_dead_and_its_curve_can_be_read(tmp_path: Path, start: Start) -> None:
    run = long_test(tmp_path)
    worker = start(run)
    step = wait_for_step(run, 200).step
    worker.kill()
    worker.wait()
    assert state_of(run) == "died"
    assert recorded(run) >= step - 150  # of the last tenth of a second nothing may have been written
