"""Timers that are late before they begin, as on a machine that is busy or was asleep."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.notifications import Notification
from textual.widgets._toast import Toast

from gradtop.trainer.record import Run
from tests.tui.piloting import piloted


@pytest.mark.parametrize("delay", [-3.0, 0.0, 1e-9])
async def test_a_timer_whose_time_is_over_fires_once_and_holds_nothing_up(tmp_path: Path, training: tuple[Run, object], delay: float) -> None:
    run, _ = training
    fired: list[float] = []
    async with piloted(tmp_path, run) as screen:
        screen.app.screen.set_timer(delay, lambda: fired.append(delay))
        await screen.until(lambda: fired == [delay], "the timer")
        await screen.press("2", "1")
        assert fired == [delay]


async def test_a_toast_that_comes_after_its_time_goes_at_once(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        toast = Toast(Notification("late", raised_at=0.0))
        await screen.app.screen.mount(toast)
        await screen.until(lambda: not toast.is_attached, "the toast to go")
