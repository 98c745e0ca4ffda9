"""The line of keys at the bottom, as a mode is put together."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.record import Run
from gradtop.tui.framework.key_bar import KeyBar, KeyEntry
from tests.tui.piloting import piloted
from tests.tui.runs_fixture import fake_run


@pytest.fixture
def ended(tmp_path: Path) -> Run:
    run, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=100)
    grower.close()
    return run


async def test_a_mode_that_is_put_together_asks_for_its_keys_when_it_is_whole(tmp_path: Path, ended: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden: list[bool] = []
    ask = KeyBar._acting

    def asked(bar: KeyBar) -> list[KeyEntry]:
        hidden.append(app.app.hides)
        return ask(bar)

    async with piloted(tmp_path, ended) as app:
        monkeypatch.setattr(KeyBar, "_acting", asked)
        for key, words in (("6", "what will change"), ("3", "parameter"), ("7", "changed against")):
            hidden.clear()
            await app.press(key)
            await app.shows(words)
            assert hidden
            assert not any(hidden)
            assert "help" in app.shown().splitlines()[-1]


async def test_a_screen_that_opens_asks_for_its_keys_once_before_they_are_drawn(tmp_path: Path, ended: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[bool] = []
    ask = KeyBar._acting

    def asked(bar: KeyBar) -> list[KeyEntry]:
        drawn.append(bool(bar._entries))
        return ask(bar)

    monkeypatch.setattr(KeyBar, "_acting", asked)
    async with piloted(tmp_path, ended) as app:
        await app.shows("nothing wrong")
    assert drawn.count(False) == 1
