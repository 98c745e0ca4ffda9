"""The process that waits for the next run, with its first step computed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import tomli_w

from gradtop.trainer.launch import server, start_worker
from gradtop.trainer.record import Run
from tests.process.server.project import CNN, facts, tables
from tests.process.support import Process, make_run, threads_of, wait_for_state, wait_for_step
from tests.support import wait_until
from tests.training.runs import differences, newest_state, rows

Adopt = Callable[[Run], Process]


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
