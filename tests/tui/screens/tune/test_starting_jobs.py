"""Every job that has a key in Tune is started by it, over the run that is watched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, Static

from gradtop.tui.dialogs.start_job import StartJob
from gradtop.tui.keys import KEYS, start_question
from gradtop.tui.mode import Key
from gradtop.tui.screens.tune.screen import Tune
from tests.tui.piloting import Starts, piloted
from tests.tui.runs_fixture import fake_run

START = "screen.start_job('"
STARTING = [key for key in KEYS if key.action.startswith(START) and key.modes == ("tune",)]


@pytest.mark.parametrize("key", STARTING, ids=lambda key: key.id)
async def test_a_key_in_tune_starts_the_job(tmp_path: Path, key: Key) -> None:
    starts, job = Starts(), key.action.removeprefix(START).removesuffix("')")
    parent, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=100)
    grower.close()
    async with piloted(tmp_path, parent, mode="tune", launcher=starts) as app:
        await app.until(lambda: isinstance(app.mode, Tune) and app.mode.draft is not None, "the form")
        await app.press(key.key)
        if start_question(job) is not None:
            await app.until(lambda: isinstance(app.app.screen, StartJob), "the question")
            await app.press("enter")
        await app.until(lambda: any(name == "start" for name, _ in starts.asked), "the start")
    asked: Any = next(asked for name, asked in starts.asked if name == "start")
    assert (asked[0].job, asked[1]) == (job, parent)


async def test_a_sensitivity_analysis_says_how_many_trainings_it_is_before_it_starts(tmp_path: Path) -> None:
    starts = Starts()
    parent, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=100)
    grower.close()
    async with piloted(tmp_path, parent, mode="tune", launcher=starts) as app:
        await app.until(lambda: isinstance(app.mode, Tune) and app.mode.draft is not None, "the form")
        await app.press("f6")
        await app.shows("default ranges: ")
        line, told, problem = (app.app.screen.query_one(each) for each in ("Input", "#consequence", "#problem"))
        assert isinstance(line, Input)
        assert isinstance(told, Static)
        assert isinstance(problem, Static)
        # 5 learning rates, one of them the base's, and 2 batch sizes beside the base's: 7 configurations.
        line.value = "optimizer.lr=log(1e-4, 1e-2); batch_size=choice(16, 32); points=5; seeds=2; workers=2"
        await app.until(lambda: "configurations with 2 seeds each" in str(told.content), "the number of trainings")
        said = str(told.content)
        line.value = "optimizer.lr=log(1e-4, 1e-2); lr=log(1e-5, 1e-2)"
        await app.press("enter")
        await app.until(lambda: str(problem.content) == "lr is given twice: it is optimizer.lr", "what is wrong")
        line.value = "seeds=0"
        await app.press("enter")
        await app.until(lambda: str(problem.content) == "seeds must be an integer ≥ 1, not 0", "what is wrong")
        await app.press("escape")
        await app.until(lambda: isinstance(app.app.screen, Tune), "the form")
    assert not any(name == "start" for name, _ in starts.asked)
    # The run took 2.5 s, and two are trained at the same time.
    assert said == "14 trainings, 7 configurations with 2 seeds each, about 0:18 on this machine; ranges: optimizer.lr log(1e-4, 1e-2); training.batch_size choice(16, 32)"
