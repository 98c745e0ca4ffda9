"""What Tune needs is imported ahead of its first visit: soon where a core is idle, else too slowly for a training to feel."""

from __future__ import annotations

import importlib
import math
import time
from itertools import count
from types import ModuleType

import pytest

from gradtop.tui.loading import BETWEEN_IMPORTS, SLOW, import_ahead


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that were imported, each in a fiftieth of a second of a processor; the start took a third of one."""
    names: list[str] = []

    def import_module(name: str) -> ModuleType:
        names.append(name)
        return ModuleType(name)

    monkeypatch.setattr(importlib, "import_module", import_module)
    monkeypatch.setattr(time, "process_time", lambda: 1 / 3)
    monkeypatch.setattr(time, "thread_time", count(0.0, 0.02).__next__)
    return names


def waits(idle: float, *, ends_after: float = math.inf) -> list[float]:
    """How long it waited each time, with so many idle cores, until the app ended."""
    found: list[float] = []

    def wait(seconds: float) -> bool:
        found.append(seconds)
        return sum(found) > ends_after

    import_ahead(wait, lambda: idle)
    return found


def test_with_an_idle_core_it_is_there_within_seconds(imported: list[str]) -> None:
    assert sum(waits(1.0)) < 5
    assert imported == list(SLOW)


@pytest.mark.usefixtures("imported")
def test_it_asks_for_idle_cores_only_after_it_has_watched_them() -> None:
    order: list[str] = []

    def wait(_seconds: float) -> bool:
        order.append("wait")
        return len(order) > 2

    def ask() -> float:
        order.append("ask")
        return 1.0

    import_ahead(wait, ask)
    assert order == ["wait", "ask", "wait"]


def test_beside_a_training_on_all_cores_it_takes_less_than_the_screen_may(imported: list[str]) -> None:
    found = [seconds for seconds in waits(0.1) if seconds != BETWEEN_IMPORTS]
    assert found[0] == pytest.approx(1 / 3 / 0.015), "the start is made up for first"
    assert all(0.02 / seconds < 0.015 / 2 for seconds in found[1:])
    assert imported == list(SLOW)


def test_it_ends_with_the_app(imported: list[str]) -> None:
    waits(0.1, ends_after=1.0)
    assert not imported
