"""When a screen looks for garbage: where much came and went, and through everything while nobody types."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gradtop.trainer.record import Run
from gradtop.tui.framework import garbage, terminal_app
from gradtop.tui.framework.garbage import EVERYTHING, FEW, LATEST, STILL, Looks
from tests.tui.piloting import piloted


@dataclass
class Collector:
    """In the place of `gc`: what it was asked for, and how much has piled up."""

    piled: int = 0
    garbage: int = FEW
    asked: list[str] = field(default_factory=list)

    def get_count(self) -> tuple[int, int, int]:
        return 0, 0, self.piled

    def collect(self) -> int:
        self.asked.append("collect")
        self.piled = 0
        return self.garbage

    def freeze(self) -> None:
        self.asked.append("freeze")

    def isenabled(self) -> bool:
        return False  # as a screen begins

    def set_threshold(self, *thresholds: int) -> None:
        self.asked.append(f"thresholds {len(thresholds)}")

    def enable(self) -> None:
        self.asked.append("enable")

    def disable(self) -> None:
        self.asked.append("disable")

    def unfreeze(self) -> None:
        self.asked.append("unfreeze")


PIECE, PIECES = 20_000, 200  # bytes, more than a page and less than what has pages of its own

WHOLE = ["unfreeze", "collect", "freeze", "give back"]


@dataclass
class Minute:
    """A screen for which time passes a second at a time."""

    collector: Collector
    now: float = 1000.0
    pressed: float = 0.0

    def __post_init__(self) -> None:
        self.looks = Looks(lambda: self.pressed, lambda: self.now)

    def pass_(self, seconds: float, *, typing: bool = False) -> list[str]:
        """What was asked of the collector meanwhile."""
        self.collector.asked.clear()
        for _ in range(round(seconds)):
            self.now += 1.0
            if typing:
                self.pressed, self.collector.piled = self.now, 1
            self.looks.look()
        return list(self.collector.asked)


@pytest.fixture
def minute(monkeypatch: pytest.MonkeyPatch) -> Minute:
    collector = Collector()
    monkeypatch.setattr(garbage, "gc", collector)
    monkeypatch.setattr(garbage, "give_back", lambda: collector.asked.append("give back"))
    return Minute(collector)


def test_a_screen_that_makes_little_is_never_looked_through(minute: Minute) -> None:
    assert minute.pass_(10 * LATEST) == []


def test_everything_is_looked_through_once_a_minute_when_keys_rest(minute: Minute) -> None:
    assert minute.pass_(EVERYTHING - 2, typing=True) == ["collect"] * round(EVERYTHING - 2)
    assert minute.pass_(STILL + 3) == WHOLE
    assert minute.pass_(LATEST) == []  # nothing has come since


def test_who_types_on_and_on_waits_for_it_once_in_a_while(minute: Minute) -> None:
    assert minute.pass_(LATEST - 1, typing=True) == ["collect"] * round(LATEST - 1)
    assert minute.pass_(1, typing=True) == WHOLE


def test_what_was_looked_through_in_vain_is_set_aside(minute: Minute) -> None:
    minute.collector.garbage = FEW - 1
    assert minute.pass_(2, typing=True) == ["collect", "freeze"] * 2
    minute.collector.garbage = FEW
    assert minute.pass_(1, typing=True) == ["collect"]


def test_memory_that_is_free_between_what_is_not_is_given_back_where_the_allocator_can() -> None:
    kept = [bytes(PIECE) for _ in range(PIECES)]
    del kept[::2]  # what is left holds all of it
    assert garbage.give_back() is hasattr(ctypes.CDLL(None), "malloc_trim")
    assert len(kept) == PIECES // 2


async def test_a_mode_that_is_made_is_set_aside_once(tmp_path: Path, training: tuple[Run, object], monkeypatch: pytest.MonkeyPatch) -> None:
    collector = Collector()
    monkeypatch.setattr(garbage, "gc", collector)
    monkeypatch.setattr(terminal_app, "gc", collector)
    async with piloted(tmp_path, training[0]) as screen:
        await screen.until(lambda: collector.asked == ["thresholds 3", "freeze", "enable"], "the first frame")
        for key, mode, asked in (("2", "parameters", ["disable", "freeze", "enable"]), ("1", "overview", []), ("2", "parameters", [])):
            collector.asked.clear()
            await screen.press(key)
            await screen.until(lambda mode=mode: screen.app.current_mode == mode and not screen.app.hides, mode)  # type: ignore[misc]
            assert collector.asked == asked
