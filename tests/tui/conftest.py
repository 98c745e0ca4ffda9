from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

from gradtop.trainer.record import Run
from tests.tui.idle import wait_for_idle
from tests.tui.runs_fixture import NOW, Grower, fake_run

_parse_rules = Stylesheet._parse_rules
_parsed: dict[tuple[object, ...], list[RuleSet]] = {}


def parse_rules(self: Stylesheet, *source: Any, **more: Any) -> list[RuleSet]:
    """In place of Textual's: the same sources with the same variables are parsed once for all apps of a process."""
    key = (frozenset(self._variables.items()), source, *more.items())
    if key not in _parsed:
        _parsed[key] = _parse_rules(self, *source, **more)
    return _parsed[key]


@pytest.fixture(autouse=True)
def quick_styles(monkeypatch: pytest.MonkeyPatch) -> None:
    """No app parses what another one did."""
    monkeypatch.setattr(Stylesheet, "_parse_rules", parse_rules)


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
