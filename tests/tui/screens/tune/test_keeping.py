"""Nothing that was typed is lost, and it can be put into a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from gradtop.trainer.config import dump_config, load_config, parse_config
from gradtop.trainer.record import Run
from gradtop.tui.dialogs.confirm import Confirm
from gradtop.tui.screens.tune.save_as import SaveAs
from tests.tui.runs_fixture import NOW, fake_run
from tests.tui.screens.tune.tuning import LR, opened


async def test_nothing_typed_is_lost_by_looking_at_another_mode(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "enter", "1")
        await screen.until(lambda: screen.app.current_mode == "overview", "the overview")
        await screen.press("6")
        await screen.until(lambda: screen.app.current_mode == "tune", "the form")
        assert screen.text(LR) == "9"
        assert screen.form.key == LR
        await screen.press("down", "enter")
        assert screen.form.editing


@pytest.mark.parametrize("typed", ["", "9"])
async def test_whoever_types_goes_on_while_the_configuration_of_the_run_changes(tmp_path: Path, run: Run, typed: str) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", *typed)
        run.config.write_text(dump_config(parse_config("[optimizer]\nlr = 4e-3\n[training]\nclip = 7.0\n")))
        await screen.until(lambda: screen.draft.base.training.clip == 7, "the configuration that changed")
        assert screen.form.editing
        await screen.press("1", "2")
        assert screen.app.current_mode == "tune"
        assert screen.text(LR) == f"{typed}12"
        await screen.press("escape")
        assert screen.text(LR) == "4e-3"
        assert not screen.draft.changes_something


async def test_escape_asks_before_it_takes_back_changes(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "enter", "escape")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")
        assert "Discard 1 change?" in screen.shown()
        await screen.press("n")
        assert screen.text(LR) == "9"
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")
        await screen.press("y")
        await screen.until(lambda: screen.form.draft is not None and screen.text(LR) == "2e-3", "the form as it was")
        await screen.press("escape")
        assert not isinstance(screen.app.screen, Confirm)


async def test_leaving_asks_while_something_typed_would_be_lost(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "enter", "q")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")
        assert "Tune has 1 change that no run uses." in screen.shown()
        await screen.press("n")
        assert screen.text(LR) == "9"


async def test_another_watched_run_does_not_take_what_was_typed(tmp_path: Path, run: Run) -> None:
    other, _ = fake_run(tmp_path / "runs", "brave-otter", state="done", created=NOW - 200)
    other.config.write_text(dump_config(parse_config("[optimizer]\nlr = 0.5")))
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "enter")
        screen.app.watch_run(other, "tune")
        await screen.until(lambda: "not on the watched run" in screen.shown(), "the note")
        assert screen.text(LR) == "9"
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")
        await screen.press("y")
        await screen.until(lambda: screen.form.draft is not None and screen.text(LR) == "0.5", "the other run's configuration")


async def test_the_edited_configuration_is_saved_as_toml_and_overwrites_only_when_asked(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("# precious\n")
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "enter", "ctrl+o")
        await screen.until(lambda: isinstance(screen.app.screen, SaveAs), "the question where")
        screen.app.screen.query_one(Input).value = str(path)
        await screen.press("enter")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question whether")
        await screen.press("n")
        assert path.read_text() == "# precious\n"
        assert isinstance(screen.app.screen, SaveAs), "another name can be typed"
        screen.app.screen.query_one(Input).value = str(path / "below")
        await screen.press("enter")
        await screen.until(lambda: "Not a directory" in screen.shown(), "what is wrong")
        screen.app.screen.query_one(Input).value = str(path)
        await screen.press("enter")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question whether")
        await screen.press("y")
        await screen.until(lambda: "precious" not in path.read_text(), "the file")
        assert load_config(path).optimizer.lr == 9
        await screen.until(lambda: not isinstance(screen.app.screen, SaveAs), "the form")
        await screen.until(lambda: [each.message for each in screen.app._notifications] == [f"saved {path}"], "the note")
        assert screen.text(LR) == "9"


async def test_the_form_of_a_run_that_could_not_begin_says_why_at_the_field_that_is_to_blame(tmp_path: Path, runs: Path) -> None:
    failed, _ = fake_run(runs, "blue-crane", state="failed", steps=0, error="optimizer.lr: is too odd a number; take another one", created=NOW - 31)
    async with opened(tmp_path, run=failed) as screen:
        await screen.press("slash", "l", "r", "enter")
        await screen.until(lambda: "✕ is too odd a number; take another one" in screen.words(), "the sentence")
        assert "✕ refused" in screen.words()
        await screen.press("enter", "9", "enter")
        assert "is too odd a number" not in screen.words().partition("optimizer.lr ─")[2].partition("what will change")[0]
        assert "✕ refused" not in screen.words()
        assert screen.draft.config is not None
