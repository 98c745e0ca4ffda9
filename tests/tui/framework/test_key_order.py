"""Keys that come at once, as over a slow connection: each acts where the ones before it have led."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import pytest
from textual import events
from textual.widgets import Input

from gradtop.trainer.record import read_meta
from gradtop.tui.dialogs.labels import Note
from gradtop.tui.framework.key_order import OrderedKeys
from gradtop.tui.framework.name_filter import NameFilter
from tests.tui.piloting import Piloted, piloted
from tests.tui.runs_fixture import fake_run


def type_at_once(app: Piloted, keys: Sequence[str | events.Paste]) -> None:
    driver = app.app._driver
    assert driver is not None
    for key in keys:
        driver.send_message(key if isinstance(key, events.Paste) else events.Key(key, key if len(key) == 1 else None))


async def test_what_follows_the_key_of_a_mode_acts_in_that_mode(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=100)
    grower.close()
    async with piloted(tmp_path, run) as app:
        # In the Overview the q would leave gradtop.
        type_at_once(app, ["M", "slash", *"norm", "q", "backspace", "enter"])
        await app.until(lambda: [each.value for each in app.mode.query(NameFilter)] == ["norm"], "the filter")
        await app.until(lambda: not app.mode.query_one(NameFilter).has_focus, "the end of the filter")


async def test_text_that_follows_the_key_of_a_dialog_is_typed_there(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=100)
    grower.close()
    async with piloted(tmp_path, run, mode="runs") as app:
        await app.shows("quiet-heron")
        type_at_once(app, ["N", *"a1q", "backspace", *"d2", "enter"])
        await app.until(lambda: read_meta(run).note == "a1d2", "the note")
        type_at_once(app, ["N", "ctrl+u", events.Paste("second"), "x", "enter"])
        await app.until(lambda: read_meta(run).note == "secondx", "the note")


async def test_a_target_that_goes_away_or_hangs_does_not_stop_the_keyboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=100)
    grower.close()
    async with piloted(tmp_path, run, mode="runs") as app:
        await app.shows("quiet-heron")
        type_at_once(app, ["N"])
        await app.until(lambda: isinstance(app.app.screen, Note) and isinstance(app.app.focused, Input), "the dialog")
        monkeypatch.setattr(OrderedKeys, "_follow", lambda *_: None)  # nobody tells that a key is done
        type_at_once(app, ["a", "escape", "1"])
        await app.until(lambda: app.mode.mode == "overview", "the overview")


async def test_the_app_knows_when_the_last_key_came(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=100)
    grower.close()
    async with piloted(tmp_path, run) as app:
        before = monotonic()
        await app.press("7")
        assert before <= app.app.pressed <= monotonic()
