"""What is started from the list: a run resumed, trained again, pruned, forked; its model used by a command."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

from gradtop.trainer.config import parse_config
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import RecordError, Run
from gradtop.tui.cli.main import parse
from gradtop.tui.dialogs.choose import Choose
from gradtop.tui.launcher import Launcher
from gradtop.tui.screens.runs.model import USES
from gradtop.tui.screens.runs.screen import Runs
from tests.tui.piloting import Piloted, Starts, piloted
from tests.tui.quantize_fixture import quantize_run
from tests.tui.runs_fixture import fake_run
from tests.tui.screens.runs.family import Family, go, opened


@pytest.mark.parametrize("key", ["r", "a"])
async def test_r_resumes_and_a_runs_again_after_a_question(tmp_path: Path, family: Family, key: str) -> None:
    starts = Starts()
    async with piloted(tmp_path, family.training, mode="runs", launcher=starts) as screen:
        await opened(screen)
        await go(screen, family.stopped)
        await screen.press(key)
        if key == "a":
            await screen.shows("Start tidy-wren again?")
            assert ("rerun", family.stopped) not in starts.asked
            await screen.press("y")
        await screen.until(lambda: ("resume" if key == "r" else "rerun", family.stopped) in starts.asked, "the start")
        await screen.until(lambda: screen.app.watched == family.stopped, "the run")


async def test_what_cannot_be_resumed_or_deleted_is_not_offered(tmp_path: Path, family: Family) -> None:
    starts = Starts()
    async with piloted(tmp_path, None, mode="runs", launcher=starts) as screen:
        await opened(screen)
        for run, resumable, deletable in (
            (family.training, False, False),
            (family.done, False, True),
            (family.stopped, True, True),
            (family.died, True, True),
            (family.failed, True, True),
        ):
            await go(screen, run)
            assert bool(screen.app.check_action("resume", ())) == resumable
            assert bool(screen.mode.check_action("delete", ())) == deletable
        await go(screen, family.training)
        await screen.press("r", "d")
        assert not [what for what, _run in starts.asked if what == "resume"]
        assert screen.app.screen is screen.mode


class Refusing(Starts):
    def resume(self, run: Run) -> Run:
        raise RecordError("it has no checkpoint to go on from")


async def test_why_a_run_was_not_resumed_is_told(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.training, mode="runs", launcher=Refusing()) as screen:
        await opened(screen)
        await go(screen, family.failed)
        await screen.press("r")
        await screen.shows("it has no checkpoint to go on from")
        assert screen.app.watched == family.training


def told(screen: Piloted, sentence: str) -> bool:
    return any(sentence in each.message for each in screen.app._notifications)


@pytest.mark.parametrize("key", ["P", "Q"])
async def test_why_a_run_is_not_pruned_or_quantized_is_told(tmp_path: Path, runs: Path, key: str) -> None:
    trained, _ = fake_run(runs, "amber-finch", state="done", steps=40)
    tested = create_run(runs, parse_config("", job="lr_range"), name="tidy-wren")
    quantized = quantize_run(runs, parent=trained)
    starts = Starts()
    async with piloted(tmp_path, None, mode="runs", launcher=starts) as screen:
        for run, sentence in (
            (trained, "has ended and has no checkpoint"),
            (tested, "tidy-wren is a learning-rate range test, which leaves no checkpoint; name a run that trained"),
            (quantized, "swift-otter is a quantization run, whose checkpoint holds integers; name the run that trained"),
        ):
            await go(screen, run)
            await screen.press(key)
            await screen.until(partial(told, screen, sentence), sentence)
    assert not [what for what, _run in starts.asked if what == "start"]


async def test_f_opens_tune_over_the_run(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.stopped, mode="runs") as screen:
        await screen.until(lambda: isinstance(screen.mode, Runs) and screen.mode.row is not None, "the rows")
        await screen.press("f")
        await screen.until(lambda: screen.app.current_mode == "tune" and screen.app.watched == family.stopped, "the form")


async def test_the_model_of_a_run_is_evaluated_and_exported_by_the_commands(tmp_path: Path, family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, str, str]] = []
    shutil.rmtree(family.done.checkpoints)
    async with piloted(tmp_path, family.training, mode="runs") as screen:
        monkeypatch.setattr(screen.app, "notify", lambda text, *, title="", severity="information", **_: said.append((title, text, severity)))
        await go(screen, family.done)
        await screen.press("E")
        await screen.until(lambda: isinstance(screen.app.screen, Choose), "the choice")
        await screen.press("down", "enter")
        await screen.until(lambda: len(said) == 2, "the answer")
    assert said[0] == ("", "amber-finch: export safetensors …", "information")
    assert said[1] == ("amber-finch: export safetensors", f"{family.done.id} has ended and has no checkpoint. Start it again: gradtop rerun {family.done.id} --runs {family.done.path.parent}", "error")


def test_what_can_be_chosen_are_commands() -> None:
    for words in USES.values():
        assert parse([*words, "last"]).run == "last"


@pytest.mark.parametrize("keys", ["P", "Q", "ay", "S2\r", "p"])
async def test_a_run_whose_configuration_contradicts_itself_says_so_where_it_is_to_be_started_from(tmp_path: Path, runs: Path, keys: str) -> None:
    # 200 steps of warmup, and with this batch size 90 in all: as changed by hand, or written by another version.
    run, _ = fake_run(runs, "brave-otter", state="failed", steps=40, batch_size=512)
    async with piloted(tmp_path, run, mode="overview" if keys == "p" else "runs", launcher=Launcher(runs, server=False)) as screen:
        await screen.shows("at step 40")
        await screen.until(lambda: keys == "p" or screen.app.check_action("resume", ()), "the row")
        for key in keys:
            await screen.press({"\r": "enter"}.get(key, key))
        await screen.shows("not started")
        await screen.shows("warmup_steps")
