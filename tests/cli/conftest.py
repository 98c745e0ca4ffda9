"""The command in this process, over runs that a worker might have left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gradtop.trainer import launch
from gradtop.trainer.record import Run, RunState, Status, write_status
from gradtop.tui.cli import output
from gradtop.tui.cli.main import main
from tests.tui.runs_fixture import EPOCHS, STEPS_PER_EPOCH, fake_run


@dataclass(frozen=True)
class Said:
    """The exit code of a command and what it printed."""

    code: int
    out: str
    err: str


Gradtop = Callable[..., Said]


@dataclass
class Starts:
    """Stands for the launching of workers: what was started, and what becomes of it."""

    becomes: Callable[[Run], object] = lambda run: write_status(run, Status(state=RunState.DONE))
    started: list[tuple[Run, bool]] = field(default_factory=list)

    def start_worker(self, run: Run, *, resume: bool = False, server: bool = True) -> None:
        self.started.append((run, resume))
        self.becomes(run)


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> Starts:
    found = Starts()
    monkeypatch.setattr(launch, "start_worker", found.start_worker)
    return found


@pytest.fixture(autouse=True)
def known_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working directory, and a terminal whose locale is UTF-8, whatever the machine's is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gradtop.tui.terminal.original_environment", lambda: {"TERM": "xterm-256color", "LANG": "C.UTF-8"})
    output.environment.cache_clear()


@pytest.fixture
def gradtop(capsys: pytest.CaptureFixture[str]) -> Gradtop:
    """Runs one command and returns its exit code and what it printed."""

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        try:
            code = main([str(each) for each in arguments])
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
        printed = capsys.readouterr()
        return Said(code, printed.out, printed.err)

    return run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs in ./runs, oldest first: amber-finch (done), its child tidy-wren (stopped), and brave-otter (failed)."""
    folder, now = tmp_path / "runs", time.time()
    old, grower = fake_run(folder, "amber-finch", state="done", steps=2 * STEPS_PER_EPOCH, epochs=2, created=now - 4000)
    grower.close()
    changes = [("optimizer.lr", 1e-3, 3e-4)]
    _, grower = fake_run(folder, "tidy-wren", state="stopped", steps=400, parent=old, changes=changes, created=now - 3000)
    grower.close()
    error = "out of memory on cuda:0 with batch_size 512: try training.batch_size=256"
    _, grower = fake_run(folder, "brave-otter", state="failed", steps=40, error=error, batch_size=512, created=now - 2000)
    grower.close()
    assert EPOCHS > 2
    return folder
