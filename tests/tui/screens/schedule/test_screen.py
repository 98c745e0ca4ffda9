"""5 Schedule: the plan's turning points, the curve of the form beside it, and what fits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gradtop.trainer.record import Run, append_event
from gradtop.tui.screens.tune.form import Form
from gradtop.tui.screens.tune.screen import Tune
from tests.tui.piloting import piloted
from tests.tui.runs_fixture import NOW, fake_run


def planned_by(tmp_path: Path, schedule: str) -> Run:
    """A run that trains with the schedule."""
    run, _ = fake_run(tmp_path / "runs", "quiet-heron", created=NOW - 31)
    text = re.sub(r"\[schedule\]\n(.+\n)+", f"[schedule]\n{schedule}\n", run.config.read_text())
    run.config.write_text(text)
    return run


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ('kind = "multistep"\nmilestones = [10, 20]\ngamma = 0.5', ("multistep", "× 0.5")),
        ('kind = "cosine_restarts"\nperiod = 10', ("cosine_restarts", "restart")),
        ('kind = "wsd"\ndecay = 0.3\nwarmup_steps = 500', ("wsd", "warm-up ends", "decay begins", "warm-up 500 steps")),
    ],
)
async def test_where_the_plan_turns_is_named(tmp_path: Path, schedule: str, words: tuple[str, ...]) -> None:
    async with piloted(tmp_path, planned_by(tmp_path, schedule), mode="schedule") as screen:
        for word in words:
            await screen.shows(word)


async def test_what_happened_to_the_training_is_marked_and_told_in_the_events(tmp_path: Path) -> None:
    run = planned_by(tmp_path, 'kind = "constant"')
    append_event(run, "command", command="set", ok=True, step=600, message="optimizer.lr 1e-3 → 3e-4", changes={"optimizer.lr": 3e-4}, old={"optimizer.lr": 1e-3})
    append_event(run, "early_stopping", step=1100, epoch=4, epochs=30, evaluations=5)
    async with piloted(tmp_path, run, mode="schedule") as screen:
        await screen.shows("lr 1e-3→3e-4")
        await screen.shows("stopped early")
        await screen.press("1")
        await screen.shows("stopped early at epoch 4 of 30: no lower val")
        assert "set: optimizer.lr 1e-3 → 3e-4" in screen.shown()


async def test_the_curve_that_the_form_plans_stands_beside_the_runs(tmp_path: Path) -> None:
    run = planned_by(tmp_path, 'kind = "cosine"')
    async with piloted(tmp_path, run, mode="tune") as screen:
        tune = screen.mode
        assert isinstance(tune, Tune)
        await screen.until(lambda: tune.draft is not None, "the form")
        assert isinstance(tune.form, Form)
        await screen.press("enter", "5", "enter")
        await screen.until(lambda: screen.app.drafted.new.x, "the curves")
        await screen.press("5")
        await screen.shows("in the form")
        await screen.press("6", "backspace", "5")
        await screen.until(lambda: "in the form" not in screen.shown(), "the run's own curve alone")


async def test_in_a_small_terminal_the_figures_are_whole_or_left_out(tmp_path: Path) -> None:
    run = planned_by(tmp_path, 'kind = "cosine"\nwarmup_steps = 200')
    async with piloted(tmp_path, run, mode="schedule", size=(60, 20)) as screen:
        await screen.shows("highest 1e-3")
        figures = next(line for line in screen.shown().splitlines() if line.startswith(" cosine"))
        assert figures.split()[-1] in {"1e-3", "1e-8", "steps"}
    async with piloted(tmp_path, run, mode="schedule") as screen:
        await screen.shows("warm-up 200 steps")
