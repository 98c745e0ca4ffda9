from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.config import dump_config
from gradtop.trainer.record import Run
from tests.tui.runs_fixture import NOW, fake_run
from tests.tui.screens.tune.tuning import CONFIG


@pytest.fixture
def run(runs: Path) -> Run:
    """A run that trains, as far as one can see."""
    run, _ = fake_run(runs, "quiet-heron", created=NOW - 31)
    run.config.write_text(dump_config(CONFIG))
    return run
