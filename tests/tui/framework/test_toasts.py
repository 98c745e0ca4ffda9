"""Toasts that come faster than they go, as from a key that is held down."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.widgets._toast import Toast, ToastHolder

from gradtop.trainer.record import Run
from gradtop.tui.framework.toasts import SHOWN
from tests.tui.piloting import Piloted, piloted

LONG = 600.0  # seconds, which no test takes
MANY = 3 * SHOWN


@asynccontextmanager
async def toasting(tmp_path: Path, run: Run) -> AsyncIterator[Piloted]:
    """The app, in which nothing is looked through for garbage but what comes from now on: a hundredth of all that there is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gradtop.tui.framework.garbage.begin", lambda _app: gc.enable())  # which sets aside what there is by then, toasts too
        async with piloted(tmp_path, run) as screen:
            gc.freeze()
            yield screen


async def test_of_many_toasts_the_newest_few_are_shown_and_those_that_went_leave_nothing(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with toasting(tmp_path, run) as screen:
        for number in range(MANY):
            screen.app.notify(f"word {number}.", timeout=LONG)
        await screen.until(lambda: texts(screen) == [f"word {number}." for number in range(MANY - SHOWN, MANY)], "the newest")
        await screen.until(lambda: living() == 2 * SHOWN, "the end of the others")


async def test_toasts_that_were_seen_and_gave_way_leave_nothing_behind(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with toasting(tmp_path, run) as screen:
        for number in range(MANY):
            screen.app.notify(f"word {number}.", timeout=LONG)
            await screen.until(lambda number=number: texts(screen)[-1:] == [f"word {number}."], "the next")  # type: ignore[misc]
        await screen.until(lambda: living() == 2 * SHOWN, "the end of the others")


async def test_the_toast_of_a_setting_takes_the_place_of_the_one_before(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with toasting(tmp_path, run) as screen:
        screen.app.notify("saved.", timeout=LONG)
        for _ in range(3):
            await screen.press("w")
        await screen.press("w", "w")
        await screen.until(lambda: len(texts(screen)) == 2 and texts(screen)[0] == "saved." and texts(screen)[1].startswith("smoothing: "), "the newest")
        await screen.until(lambda: living() == 4, "the end of the others")


async def test_what_went_wrong_stands_until_its_time_is_over_however_much_is_said_after_it(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with toasting(tmp_path, run) as screen:
        screen.app.notify("it failed.", severity="error", timeout=LONG)
        screen.app.notify("it was deleted.", timeout=LONG)
        for number in range(MANY):
            screen.app.notify(f"word {number}.", timeout=LONG / 2)
        shown = ["it failed.", "it was deleted.", *(f"word {number}." for number in range(MANY - SHOWN + 2, MANY))]
        await screen.until(lambda: texts(screen) == shown, "the failure")
        for number in range(MANY):
            screen.app.notify(f"{number} failed.", severity="error", timeout=LONG)
        await screen.until(lambda: texts(screen) == [f"{number} failed." for number in range(MANY - SHOWN, MANY)], "the newest failures")


async def test_toasts_are_on_the_screen_that_is_seen_alone(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with toasting(tmp_path, run) as screen:
        first = screen.app.screen
        screen.app.notify("a word that stays.", timeout=LONG)
        await screen.until(lambda: texts(screen), "the toast")
        for key in ("5", "question_mark", "escape", "1"):
            left = screen.app.screen
            await screen.press(key)
            await screen.until(lambda left=left: screen.app.screen is not left and texts(screen), f"the toast after {key}")  # type: ignore[misc]
            await screen.until(lambda left=left: not left.query(ToastHolder), f"the end of the toast before {key}")  # type: ignore[misc]
            await screen.shows("a word that stays.")
        assert screen.app.screen is first


def texts(screen: Piloted) -> list[str]:
    """Of the toasts on the screen that is seen, those below last."""
    return [toast._notification.message for toast in screen.app.screen.query(Toast)]


def living() -> int:
    """Widgets of toasts that anything holds."""
    gc.collect()
    # By its type: `isinstance` asks an object for its class, which some of other libraries answer with a warning.
    return sum(issubclass(type(each), Toast | ToastHolder) for each in gc.get_objects())
