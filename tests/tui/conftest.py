from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.record import Run
from tests.tui.runs_fixture import NOW, Grower, fake_run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """The runs directory, which is empty."""
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


@pytest.fixture
def training(runs: Path) -> tuple[Run, Grower]:
    """A run that trains, as far as one can see, and what lets it go on."""
    return fake_run(runs, created=NOW - 30.1)
