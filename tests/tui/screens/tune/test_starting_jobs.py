"""Every job that has a key in Tune is started by it, over the run that is watched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gradtop.tui.keys import KEYS
from gradtop.tui.mode import Key
from gradtop.tui.screens.tune.screen import Tune
from tests.tui.piloting import Starts, piloted
from tests.tui.runs_fixture import fake_run

START = "screen.start_job('"
STARTING = [key for key in KEYS if key.action.startswith(START) and key.modes == ("tune",)]


@pytest.mark.parametrize("key", STARTING, ids=lambda key: key.id)
async def test_a_key_in_tune_starts_the_job(tmp_path: Path, key: Key) -> None:
    starts = Starts()
    parent, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=100)
    grower.close()
    async with piloted(tmp_path, parent, mode="tune", launcher=starts) as app:
        await app.until(lambda: isinstance(app.mode, Tune) and app.mode.draft is not None, "the form")
        await app.press(key.key)
        await app.until(lambda: any(name == "start" for name, _ in starts.asked), "the start")
    asked: Any = next(asked for name, asked in starts.asked if name == "start")
    assert (asked[0].job, asked[1]) == (key.action.removeprefix(START).removesuffix("')"), parent)
