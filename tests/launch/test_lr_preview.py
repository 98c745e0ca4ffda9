"""The preview of the learning rate: the numbers of a training that was recorded, for every schedule."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from gradtop.trainer.analysis.lr_turns import lr_turns, recorded_turns
from gradtop.trainer.config import load_config, sections, to_tables
from gradtop.trainer.launch import server
from gradtop.trainer.launch.lr_preview import LrPreviewer
from gradtop.trainer.launch.requests import Requests
from gradtop.trainer.record import StreamReader, process_start
from gradtop.trainer.record.streams.registry import PLAN
from gradtop.trainer.runtime.worker import work
from tests.support import wait_until
from tests.training.runs import rows, tiny_run

KINDS = next(part.kinds for part in sections() if part.name == "schedule")
MORE = {
    "step": "step_size = 1", "multistep": "milestones = [1, 2]", "cosine_restarts": "period = 1", "exponential": 'unit = "steps"',
    "cosine": "warmup_steps = 5", "wsd": 'warmup_epochs = 0.5\nwarmup_shape = "cosine"', "plateau": "warmup_steps = 3",
}  # fmt: skip
# Minutes of computing.
LONG = {"training": {"steps": 20_000_000}, "schedule": {"kind": "cosine"}}


@pytest.fixture
def requests() -> Requests:
    return Requests()


@pytest.fixture
def preview(requests: Requests) -> Iterator[LrPreviewer]:
    yield LrPreviewer(requests)
    requests.close()


@pytest.mark.parametrize("kind", KINDS)
def test_preview_and_training_are_the_same_numbers(preview: LrPreviewer, tmp_path: Path, kind: str) -> None:
    run = tiny_run(tmp_path, f'[schedule]\nkind = "{kind}"\n{MORE.get(kind, "")}', epochs=3)
    plan = preview.plan(to_tables(load_config(run.config)))
    assert plan.problem == ""
    assert work(run) == 0
    assert list(plan.points) == rows(run, "steps", "lr")
    assert len(plan.points) == plan.steps == 24

    recorded = StreamReader(run, PLAN)
    recorded.refresh()
    turns = recorded_turns(recorded.extra)
    assert turns is not None
    assert turns == lr_turns(to_tables(load_config(run.config))["schedule"], plan.steps, plan.steps_per_epoch)
    assert [turn.step for turn in turns] == list(plan.turns)


def test_what_cannot_be_planned_is_said(preview: LrPreviewer) -> None:
    assert "optimizer.lr" in preview.plan({"optimizer": {"lr": -1.0}}).problem
    text = {"model": {"kind": "language_model"}, "data": {"kind": "text"}}
    assert preview.plan(text).lacks_length
    assert "steps per epoch" in preview.plan(text).problem
    assert preview.plan(text, steps_per_epoch=7).steps_per_epoch == 7


def test_closing_cancels_what_is_computed_and_nothing_is_asked_afterwards(
    preview: LrPreviewer, requests: Requests, running_server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive, waits, closed = server.Connection.receive, threading.Event(), threading.Event()

    def receive_late(connection: server.Connection, seconds: float) -> object:
        # A plan is computed in less time than another process takes to be noticed.
        waits.set()
        assert closed.wait(30)
        return receive(connection, seconds)

    monkeypatch.setattr(server.Connection, "receive", receive_late)
    problems: list[str] = []
    asking = threading.Thread(target=lambda: problems.append(preview.plan(LONG).problem))
    asking.start()
    assert waits.wait(30)
    requests.close()
    closed.set()
    asking.join(30)
    assert problems == ["cancelled"]
    wait_until(lambda: not children(running_server), 30, "the end of the process that computes")
    assert process_start(running_server)
    assert preview.plan({}).problem == "cancelled"


def test_closing_cancels_what_has_not_been_asked_yet(preview: LrPreviewer, requests: Requests, running_server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = server.connect

    def connect_late() -> server.Connection | None:
        requests.close()
        return connect()

    monkeypatch.setattr(server, "connect", connect_late)
    assert preview.plan(LONG).problem == "cancelled"
    assert process_start(running_server)


def children(pid: int) -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process(pid).children()
    return found
