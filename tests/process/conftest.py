from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gradtop.trainer.record import Run
from tests.process.support import Process, Worker, Zygote, worker_of
from tests.process.terminals import Tmux


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of several workers that spin for each other make tiny models ten times slower; and sums stay the same."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def start(zygote: Zygote) -> Iterator[Callable[..., Worker]]:
    """Start a worker for a run, as `Zygote.start` does; it does not outlive the test."""
    started: list[Worker] = []

    def start(run: Run, *options: str, **more: Any) -> Worker:
        started.append(zygote.start(run, *options, **more))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
        worker.wait()
        worker.close()


@pytest.fixture
def adopt() -> Iterator[Callable[[Run], Process]]:
    """The process of a run that was started by any means; it does not outlive the test."""
    adopted: list[Process] = []

    def adopt(run: Run) -> Process:
        adopted.append(worker_of(run))
        return adopted[-1]

    yield adopt
    for process in adopted:
        process.close()


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[..., Tmux]]:
    """Run a command in a terminal of its own; the terminal does not outlive the test."""
    opened: list[Tmux] = []

    def open_terminal(*command: str, columns: int = 120, rows: int = 40, cwd: Path | None = None) -> Tmux:
        opened.append(Tmux(tmp_path / f"tmux{len(opened)}", *command, columns=columns, rows=rows, cwd=cwd))
        return opened[-1]

    yield open_terminal
    for terminal in opened:
        terminal.kill()
