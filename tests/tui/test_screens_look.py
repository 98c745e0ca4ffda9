"""What the modes look like, as SVG: the same on every machine and in every time zone. Each was looked at."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tui.piloting import Starts
from tests.tui.runs_fixture import NOW, fake_run
from tui.app import GradtopApp
from tui.remember import Memory
from tui.terminal import Capabilities

SIZES = [(120, 40), (80, 24)]


@pytest.fixture(autouse=True)
def one_time_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def app(tmp_path: Path, mode: str, *, state: str = "training", **more: Any) -> GradtopApp:
    """The app on a run that no clock moves, read once before the first frame."""
    (tmp_path / "runs").mkdir()
    run, _ = fake_run(tmp_path / "runs", state=state, created=NOW - 30.1)
    memory = Memory(tmp_path / "memory.json")
    options: dict[str, Any] = {"clock": lambda: NOW, "monotonic": lambda: 1000.0, "interval": 0.05, "launcher": Starts()} | more
    return GradtopApp(run, tmp_path / "runs", mode=mode, memory=memory, **options)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("mode", ["overview", "schedule"])
def test_mode(tmp_path: Path, snap_compare: Any, mode: str, size: tuple[int, int]) -> None:
    assert snap_compare(app(tmp_path, mode), terminal_size=size)


def test_a_chart_that_is_read(tmp_path: Path, snap_compare: Any) -> None:
    assert snap_compare(app(tmp_path, "overview"), terminal_size=(120, 40), press=["left", "left", "left", "left"])


def test_the_help(tmp_path: Path, snap_compare: Any) -> None:
    assert snap_compare(app(tmp_path, "overview"), terminal_size=(100, 40), press=["question_mark"])


def test_the_light_theme(tmp_path: Path, snap_compare: Any) -> None:
    assert snap_compare(app(tmp_path, "overview"), terminal_size=(120, 40), press=["ctrl+t"])


def test_sixteen_colours(tmp_path: Path, snap_compare: Any) -> None:
    assert snap_compare(app(tmp_path, "overview", capabilities=Capabilities(colours=16)), terminal_size=(120, 40))


def test_a_run_that_died(tmp_path: Path, snap_compare: Any) -> None:
    assert snap_compare(app(tmp_path, "overview", state="died"), terminal_size=(80, 24))
