"""How many threads a run computes with, and what is said where runs crowd a machine."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from gradtop.trainer.record import Run, RunState, Status, process_start, read_status, this_host, write_status
from gradtop.trainer.runtime import threads
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training import crowding
from gradtop.trainer.training.session import Session
from tests.training.runs import events, tiny_run, trained


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    for module in (threads, crowding):
        monkeypatch.setattr(module, "cores", lambda: 4)
    yield
    torch.set_num_threads(before)


def run_of(folder: Path, count: int) -> Run:
    return tiny_run(folder, f"threads = {count}", epochs=1)


@pytest.mark.parametrize(("asked", "taken"), [(1, 1), (3, 3), (64, 4)])
def test_a_run_computes_with_the_threads_that_it_asks_for_and_never_more_than_there_are_cores(tmp_path: Path, asked: int, taken: int) -> None:
    seen: list[int] = []
    trained(run_of(tmp_path, asked), lambda session: seen.append(torch.get_num_threads()))
    assert seen == [taken]


def test_a_run_that_asks_for_none_has_its_own_number_whatever_came_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    trained(run_of(tmp_path, 3))
    trained(run_of(tmp_path, 0))
    assert torch.get_num_threads() == 2


def test_threads_change_while_it_trains_and_a_resume_has_them_again(tmp_path: Path) -> None:
    run = run_of(tmp_path, 1)

    def change(session: Session) -> None:
        session.set_live({"training.threads": 3, "training.epochs": 2})
        assert torch.get_num_threads() == 3

    trained(run, change)
    torch.set_num_threads(1)
    assert work(run, resume=True) == 0
    assert torch.get_num_threads() == 3
    assert read_status(run).threads == 3


def beside(folder: Path, count: int = 3, state: str = "training", device: str = "cpu", host: str = "") -> Run:
    """A run that this process trains with so many threads, as far as anybody can see."""
    run = tiny_run(folder)
    name, boot = this_host()
    status = Status(
        state=RunState(state), pid=os.getpid(), pid_started=process_start(os.getpid()), host=host or name, boot=boot, updated=time.time(),
        device=device, threads=count,
    )
    write_status(run, status)
    return run


def told(run: Run) -> list[str]:
    assert work(run) == 0
    return [str(event["message"]) for event in events(run, "warning")]


def test_runs_that_want_more_threads_than_there_are_cores_are_named_with_the_share_of_each(tmp_path: Path) -> None:
    other = beside(tmp_path)

    (said,) = told(run_of(tmp_path, 2))

    assert said.startswith(f"{other.id} trains on this CPU too: 5 threads on 4 cores")
    assert "gradtop set RUN training.threads=2 " in said
    assert "--queue" in said


@pytest.mark.parametrize("other", [{"count": 2}, {"state": "paused"}, {"state": "done"}, {"device": "cuda:0"}, {"host": "elsewhere"}], ids=str)
def test_nothing_is_said_where_there_is_room(tmp_path: Path, other: dict[str, Any]) -> None:
    beside(tmp_path, **other)

    assert told(run_of(tmp_path, 2)) == []


def test_a_status_of_long_ago_is_not_even_read(tmp_path: Path) -> None:
    other = beside(tmp_path)
    os.utime(other.status, (1.0, 1.0))

    assert told(run_of(tmp_path, 2)) == []
