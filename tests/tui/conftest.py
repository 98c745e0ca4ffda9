from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.record import Run
from tests.tui.idle import wait_for_idle
from tests.tui.runs_fixture import NOW, Grower, fake_run


@pytest.fixture(autouse=True)
def quick_pilots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each key and pause of a pilot waits until the app is idle: most of the time that these tests took."""
    for module in ("textual.pilot", "textual.app"):
        monkeypatch.setattr(f"{module}.wait_for_idle", wait_for_idle)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """The runs directory, which is empty."""
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


@pytest.fixture
def training(runs: Path) -> tuple[Run, Grower]:
    """A run that trains, as far as one can see, and what lets it go on."""
    return fake_run(runs, created=NOW - 30.1)
