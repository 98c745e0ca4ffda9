from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.screens.runs.family import Family


@pytest.fixture
def family(runs: Path) -> Family:
    return Family(runs)
