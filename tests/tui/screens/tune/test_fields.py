"""The fields of the form: shown, reached, edited."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import pytest
from textual.events import Paste
from textual.widgets import OptionList

from gradtop.trainer.config import dump_config
from gradtop.trainer.metrics import METRICS
from gradtop.trainer.record import Run, read_status
from gradtop.trainer.record.meta import change_meta
from gradtop.trainer.record.status import write_status
from gradtop.tui.dialogs.choose import Choose
from tests.tui.runs_fixture import NOW, fake_run
from tests.tui.screens.tune.tuning import CONFIG, LR, opened


async def test_the_form_shows_every_field_of_the_run_with_bounds_and_units(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, size=(120, 50), run=run) as screen:
        shown = screen.shown()
        for key in screen.form.stops():
            section, _, name = key.partition(".")
            assert (name or section) in shown or section == "schedule"
        assert "2e-3" in shown
        assert "≥ 0 and < 1" in shown
        assert "epochs ≥ 1" in shown
        assert "No changes to quiet-heron" in shown


async def test_a_form_of_defaults_has_room_in_a_terminal_of_40_lines(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, size=(120, 40), run=run) as screen:
        await screen.until(lambda: screen.form.size.height > 0, "the form")
        assert screen.form.max_scroll_y == 0
        assert "warmup" in screen.shown()


async def test_a_field_that_is_seldom_changed_has_a_line_once_it_is_looked_for_or_changed(tmp_path: Path, run: Run) -> None:
    key = "optimizer.implementation"
    async with opened(tmp_path, run=run) as screen:
        assert "implementation" not in screen.shown()
        assert key not in screen.form.stops()
        await screen.press("slash", *"implem", "enter")
        assert screen.form.stops() == [key]
        await screen.press("enter")
        await screen.until(lambda: isinstance(screen.app.screen, Choose), "the list")
        await screen.press("down", "enter")
        await screen.until(lambda: not isinstance(screen.app.screen, Choose), "the form")
        await screen.press("escape")
        assert screen.text(key) == "fused"
        assert key in screen.form.stops()
        screen.form.go(key)
        await screen.press("backspace")
        assert screen.text(key) == "auto"
        assert "implementation" not in screen.shown()


async def test_a_field_is_edited_with_enter_and_what_is_typed_is_shown_as_a_change(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        assert screen.form.key == LR
        await screen.press("enter")
        await screen.type("3e-4")
        assert screen.app.current_mode == "tune"
        assert "2e-3 → 3e-4" in screen.shown()
        await screen.press("enter")
        assert not screen.form.editing
        assert screen.text(LR) == "3e-4"
        assert "live" in screen.shown()


async def test_a_wrong_text_has_its_problem_beside_it_at_once_and_cannot_be_started(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter")
        await screen.type("3e-")
        assert "✕ a number > 0" in screen.shown()
        assert 'must be a number > 0, not "3e-"' in screen.shown()
        await screen.press("ctrl+s")
        assert screen.starter.started == []
        await screen.type("4")
        assert "✕" not in screen.shown()


async def test_escape_takes_back_what_was_typed_in_the_field(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "escape")
        assert screen.text(LR) == "2e-3"
        assert not screen.form.editing
        await screen.press("1")
        await screen.until(lambda: screen.app.current_mode == "overview", "the overview: outside a field, number keys change modes")


async def test_a_kind_is_chosen_from_a_list_and_brings_its_own_fields(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("up", "enter")
        await screen.until(lambda: isinstance(screen.app.screen, Choose), "the list")
        assert screen.app.screen.query_one(OptionList).highlighted == 2
        await screen.press(*["down"] * 5, "enter")
        await screen.until(lambda: not isinstance(screen.app.screen, Choose), "the form")
        assert screen.text("optimizer.kind") == "sgd"
        assert "momentum" in screen.shown()
        assert "betas" not in screen.shown()
        assert "adamw → sgd" in screen.shown()


async def test_what_code_of_the_user_measures_can_be_monitored(tmp_path: Path, run: Run) -> None:
    write_status(run, read_status(run)._replace(metrics={"f1": 0.5, "distance": 1.25, "not a name": 2.0}))
    async with opened(tmp_path, run=run) as screen:
        screen.form.go("training.monitor")
        await screen.press("enter")
        await screen.until(lambda: isinstance(screen.app.screen, Choose), "the list")
        options = screen.app.screen.query_one(OptionList)
        assert [options.get_option_at_index(place).id for place in range(options.option_count)] == [*METRICS, "distance"]
        await screen.press("end", "enter")
        await screen.until(lambda: not isinstance(screen.app.screen, Choose), "the form")
        assert screen.text("training.monitor") == "distance"


async def test_a_list_is_left_without_choosing_and_a_yes_or_no_is_turned_with_enter(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("up", "enter")
        await screen.until(lambda: isinstance(screen.app.screen, Choose), "the list")
        await screen.press("up", "escape")
        assert screen.text("optimizer.kind") == "adamw"
        screen.form.go("monitor.enabled")
        await screen.press("enter")
        assert screen.text("monitor.enabled") == "false"


async def test_one_field_is_put_back_with_backspace(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "tab", "0", "enter", "backspace")
        assert screen.text("optimizer.betas") == "0.9, 0.999"
        assert screen.text(LR) == "9"


async def test_pasting_puts_one_line_into_the_field(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter")
        screen.form.post_message(Paste("4e-4\nrm -rf"))
        await screen.until(lambda: screen.text(LR) == "4e-4", "the text")


async def test_slash_filters_the_fields_by_name_and_minus_folds_a_section(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("slash", *"decay")
        assert screen.form.stops() == ["optimizer.weight_decay", "optimizer.decay_all"]
        await screen.press("enter", "slash", *"accum", "enter")
        assert screen.form.stops() == ["training.accumulate"]
        await screen.shows("accum   1 field   ")
        await screen.press("escape")
        await screen.until(lambda: len(screen.form.stops()) > 20, "all of them")
        screen.form.go("model.norm")
        await screen.press("minus")
        assert screen.form.key == "model."
        assert "channels ≥ 1" not in screen.shown()
        await screen.press("enter")
        assert screen.form.key == "model.kind"


async def test_where_the_filter_leaves_no_field_no_key_changes_one(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        for key in (LR, "schedule.kind", "training.compile", "model."):
            screen.form.go(key)
            await screen.press("slash", "x", "z", "enter")
            assert screen.form.stops() == [], key
            await screen.press("left", "right", "h", "l", "j", "k", "tab", "minus", "y", "x", "enter", "enter", "left", "right")
            assert screen.form.stops() == [], key
            assert not screen.draft.differences(), key
            await screen.press("escape")
            await screen.until(lambda: len(screen.form.stops()) > 20, f"all of them, {key}")


@pytest.mark.parametrize(("size", "keys"), [((60, 20), [LR, "schedule.kind"]), ((80, 24), ["model.kind"])])
async def test_in_a_small_terminal_the_way_of_a_field_is_still_said(tmp_path: Path, run: Run, size: tuple[int, int], keys: list[str]) -> None:
    ways = {LR: "Takes effect live (ctrl+l), in a fork or a new run.", "schedule.kind": "Takes effect in a fork (ctrl+f) or a new run."}
    async with opened(tmp_path, run=run, size=size) as screen:
        for key in keys:
            screen.form.go(key)
            await screen.shows(ways.get(key, "Takes effect in a new run, from the start."))


async def test_left_and_right_go_to_the_other_column_and_the_copied_text_is_a_setting_for_the_command_line(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        assert screen.tune.copied() == ("optimizer.lr=2e-3", "the setting")
        await screen.press("right")
        assert screen.form.key.startswith("training.")
        await screen.press("left")
        assert screen.form.key == LR


async def test_a_click_goes_to_a_field_and_a_second_one_types_in_it(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.pilot.click("#section-training", offset=(5, 3))
        await screen.until(lambda: screen.form.key == "training.batch_size", "the field")
        assert not screen.form.editing
        await screen.pilot.click("#section-training", offset=(5, 3))
        await screen.until(lambda: screen.form.editing, "typing")


async def test_at_80_by_24_every_field_is_reached_and_tab_shows_the_changes(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run, size=(80, 24)) as screen:
        screen.form.go("monitor.healthy_high")
        await screen.until(lambda: "healthy_high" in screen.shown(), "the last field")
        await screen.press("enter", "5", "enter")
        assert "1 change: tab shows" in screen.shown()
        await screen.press("tab")
        await screen.until(lambda: "what will change" in screen.shown(), "the changes")
        assert "100 → 5" in screen.shown()
        await screen.press("escape")
        await screen.until(lambda: screen.form.has_focus, "the fields")
        await screen.press("home")
        await screen.until(lambda: " model " in screen.shown(), "the first section")
        assert screen.form.key == "model.kind"


@pytest.mark.parametrize("size", [(40, 12), (60, 20), (99, 30), (100, 24), (200, 60)])
async def test_at_every_size_the_field_under_the_cursor_is_seen(tmp_path: Path, run: Run, size: tuple[int, int]) -> None:
    async with opened(tmp_path, run=run, size=size) as screen:
        for key, name in (("training.keep_checkpoints", "keep_checkpoints"), ("model.kernel_size", "kernel_size"), (LR, "lr  ")):
            screen.form.go(key)
            await screen.until(lambda name=name: name in screen.shown(), key)  # type: ignore[misc]


async def test_pydantic_is_not_imported_on_the_way_to_the_first_frame() -> None:
    program = "import sys, gradtop.tui.app, gradtop.tui.screens.tune.screen; sys.exit('pydantic' in sys.modules or 'gradtop.trainer.config' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    assert await process.wait() == 0


@pytest.mark.parametrize(
    ("state", "checkpoints", "job", "ways"),
    [
        ("training", True, "train", {LR: "live (ctrl+l), in a fork or a new run", "schedule.kind": "in a fork (ctrl+f) or a new run"}),
        ("training", False, "train", {LR: "live (ctrl+l), in a fork or a new run", "schedule.kind": "in a fork (ctrl+f) or a new run"}),
        ("done", True, "train", {LR: "in a fork (ctrl+f) or a new run", "schedule.kind": "in a fork (ctrl+f) or a new run"}),
        ("failed", False, "train", {LR: "in a new run, from the start", "schedule.kind": "in a new run, from the start"}),
        ("training", True, "speed", {LR: "in a new run, from the start", "schedule.kind": "in a new run, from the start"}),
    ],
)
async def test_only_the_ways_are_said_that_the_run_can_take(
    tmp_path: Path, runs: Path, state: str, checkpoints: bool, job: str, ways: dict[str, str]
) -> None:
    run, _ = fake_run(runs, "quiet-heron", state=state, created=NOW - 31)
    run.config.write_text(dump_config(CONFIG))
    change_meta(run, job=job)
    if not checkpoints:
        shutil.rmtree(run.checkpoints)
    async with opened(tmp_path, run=run) as screen:
        for key, text in ways.items():
            screen.form.go(key)
            await screen.shows(f"Takes effect {text}.")
