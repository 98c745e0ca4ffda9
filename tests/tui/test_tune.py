from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from tests.tui.runs_fixture import fake_run
from trainer.config import Change, Config, dump_config, load_config, parse_config
from trainer.launch.preview import Planned
from trainer.record import Command, Inbox, Run, append_event, new_run, read_status, write_status
from tui.app import GradtopApp
from tui.draft import Draft
from tui.remember import Memory
from tui.screens.choose import Choose
from tui.screens.confirm import Confirm
from tui.screens.fork import ChooseCheckpoint, Scale
from tui.screens.form import Form
from tui.screens.overview import Overview
from tui.screens.save_as import SaveAs
from tui.screens.tune import Tune

LR = "optimizer.lr"
CONFIG = parse_config("[optimizer]\nlr = 2e-3\n[training]\nclip = 5.0\n")


class Starter:
    """Makes the run's directory and starts no worker; `trouble` is raised instead where there is some."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.started: list[tuple[Config, Run | None, list[Change]]] = []
        self.checkpoints: list[Path | None] = []
        self.trouble: OSError | None = None

    def prepare(self) -> None: ...

    def close(self) -> None: ...

    def resume(self, run: Run) -> Run:
        return run

    def plan(self, config: Any, steps_per_epoch: int = 0) -> Planned:
        points = tuple((step, config.optimizer.lr) for step in (1, 100))
        return Planned(points, (), 100, steps_per_epoch)

    def rerun(self, run: Run) -> Run:
        return run

    def start(
        self, config: Any, *, parent: Run | None = None, changes: Sequence[Any] = (), checkpoint: Path | None = None
    ) -> Run:
        self.checkpoints.append(checkpoint)
        self.started.append((config, parent, list(changes)))
        if self.trouble is not None:
            raise self.trouble
        return new_run(self.runs, dump_config(config), {"name": "amber-finch"}, name="amber-finch")


class Screen:
    """The tune screen under a pilot's hands."""

    def __init__(self, app: GradtopApp, pilot: Pilot[None], starter: Starter) -> None:
        self.app, self.pilot, self.starter = app, pilot, starter

    async def until(self, condition: Callable[[], Any], why: str) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, f"waited for {why}"
            await self.pilot.pause(0.01)

    @property
    def tune(self) -> Tune:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, Tune)
        return screen

    @property
    def form(self) -> Form:
        return self.tune.form

    @property
    def draft(self) -> Draft:
        assert self.form.draft is not None
        return self.form.draft

    def text(self, key: str) -> str:
        return self.draft.text(self.draft.fields()[key])

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        await self.press(*("full_stop" if c == "." else "minus" if c == "-" else "comma" if c == "," else c for c in text))

    def shown(self) -> str:
        """What stands on the terminal."""
        return "\n".join("".join(segment.text for segment in strip) for strip in self.app.screen._compositor.render_strips())


@asynccontextmanager
async def opened(tmp_path: Path, *, size: tuple[int, int] = (120, 40), run: Run | None = None, mode: str = "tune") -> AsyncIterator[Screen]:
    """The screen on a run, in the tune mode once its form is there."""
    starter = Starter(tmp_path / "runs")
    app = GradtopApp(run, tmp_path / "runs", mode=mode, memory=Memory(tmp_path / "memory.json"), launcher=starter, interval=0.02)
    async with app.run_test(size=size) as pilot:
        screen = Screen(app, pilot, starter)
        if mode == "tune":
            await screen.until(lambda: screen.form.draft is not None, "the configuration")
            await pilot.pause()
        yield screen


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that trains, as far as one can see."""
    (tmp_path / "runs").mkdir()
    run, _ = fake_run(tmp_path / "runs", "quiet-heron", created=time.time() - 31)
    run.config.write_text(dump_config(CONFIG))
    return run


async def test_the_form_shows_every_field_of_the_run_with_bounds_and_units(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        shown = screen.shown()
        for key in screen.form.stops():
            section, _, name = key.partition(".")
            assert (name or section) in shown or section == "schedule"
        assert "2e-3" in shown
        assert "≥ 0 and < 1" in shown
        assert "epochs ≥ 1" in shown
        assert "this is what quiet-heron has" in shown


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


async def test_keys_that_arrive_in_a_burst_act_in_their_order(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        # Without a pause between them, as a terminal delivers them after a stall.
        for key in ["enter", "5", "tab", *"0.8,0.9", "enter", "ctrl+s"]:
            screen.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await screen.until(lambda: screen.starter.started, "a start")
        ((config, _, changes),) = screen.starter.started
        assert [(change.key, change.new) for change in changes] == [(LR, 5.0), ("optimizer.betas", [0.8, 0.9])]
        assert config.optimizer.lr == 5
        await screen.until(lambda: isinstance(screen.app.screen, Overview) and screen.app.screen.is_current, "the new run's overview")


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


async def test_a_kind_is_chosen_from_a_list_and_brings_its_own_fields(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("up", "enter")
        await screen.until(lambda: isinstance(screen.app.screen, Choose), "the list")
        assert screen.app.screen.query_one(OptionList).highlighted == 2
        await screen.press("up", "up", "enter")
        await screen.until(lambda: not isinstance(screen.app.screen, Choose), "the form")
        assert screen.text("optimizer.kind") == "sgd"
        assert "momentum" in screen.shown()
        assert "betas" not in screen.shown()
        assert "adamw → sgd" in screen.shown()


async def test_a_list_is_left_without_choosing(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("up", "enter")
        await screen.until(lambda: isinstance(screen.app.screen, Choose), "the list")
        await screen.press("up", "escape")
        assert screen.text("optimizer.kind") == "adamw"


async def test_a_yes_or_no_is_turned_with_enter(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        screen.form.go("monitor.enabled")
        await screen.press("enter")
        assert screen.text("monitor.enabled") == "false"


async def test_ctrl_s_starts_a_new_run_with_its_lineage_and_the_screen_follows_it(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.pilot.press("enter", "3", "e", "minus", "4", "ctrl+s")
        await screen.until(lambda: screen.app.current_mode == "overview", "the overview of the new run")
        (started,) = screen.starter.started
        assert started[0].optimizer.lr == 3e-4
        assert started[1] is not None
        assert started[1].path == run.path
        assert started[2] == [Change(LR, 2e-3, 3e-4, "live")]
        assert screen.app.watched is not None
        assert load_config(screen.app.watched.config).optimizer.lr == 3e-4
        await screen.press("6")
        await screen.until(lambda: screen.app.current_mode == "tune", "the form")
        await screen.until(lambda: not screen.draft.changes_something, "the form over the new run")
        assert screen.text(LR) == "3e-4"


async def test_the_button_starts_too(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.pilot.click("#actions", offset=(3, 0))
        await screen.until(lambda: screen.starter.started, "a start")
        assert screen.starter.started[0][2] == []


async def test_a_start_that_fails_loses_nothing_that_was_typed(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        screen.starter.trouble = OSError(28, "No space left on device")
        await screen.press("enter", "9", "enter", "ctrl+s")
        await screen.until(lambda: screen.starter.started, "an attempt")
        await screen.until(lambda: any("No space left" in note.message for note in screen.app._notifications), "what went wrong")
        assert screen.text(LR) == "9"
        screen.starter.trouble = None
        await screen.press("ctrl+s")
        await screen.until(lambda: len(screen.starter.started) == 2, "another attempt")


async def asked_of_the_worker(screen: Screen, run: Run) -> Command:
    inbox = Inbox(run)
    commands: list[Command] = []

    def arrived() -> bool:
        commands.extend(inbox.poll())
        return bool(commands)

    await screen.until(arrived, "the command")
    inbox.done(commands[0])
    return commands[0]


@pytest.mark.parametrize(("keys", "more"), [((), {}), (("down",), {"schedule.kind": "constant"})])
async def test_a_learning_rate_applied_live_scales_the_schedule_or_takes_its_place(
    tmp_path: Path, run: Run, keys: tuple[str, ...], more: dict[str, object]
) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "1", "enter", "ctrl+l")
        await screen.until(lambda: isinstance(screen.app.screen, Scale), "the question")
        await screen.press(*keys, "enter")
        command = await asked_of_the_worker(screen, run)
        assert command.name == "set"
        assert command.arguments["changes"] == {LR: 1.0} | more
        write_status(run, replace(read_status(run), changes={LR: 1.0} | more, updated=time.time()))
        append_event(run, "command", id=command.id, command="set", ok=True, message="lr 2e-3 → 1", changes={LR: 1.0})
        await screen.until(lambda: not screen.draft.changes_something, "the form over what the worker has now")
        assert screen.text(LR) == "1"
        assert screen.starter.started == []


async def test_what_can_be_live_is_applied_and_the_rest_stays_in_the_form(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        screen.form.go("training.batch_size")
        await screen.press("enter", "8", "enter")
        assert screen.tune.check_action("apply_live", ()) is None
        assert "fork from step" in screen.shown()
        screen.form.go("training.clip")
        await screen.press("enter", "2", "enter", "ctrl+l")
        command = await asked_of_the_worker(screen, run)
        assert command.arguments["changes"] == {"training.clip": 2.0}
        write_status(run, replace(read_status(run), changes={"training.clip": 2.0}, updated=time.time()))
        await screen.until(lambda: [each.key for each in screen.draft.differences()] == ["training.batch_size"], "what is left")


async def test_ctrl_f_forks_from_the_checkpoint_that_is_chosen(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "enter", "ctrl+f")
        await screen.until(lambda: isinstance(screen.app.screen, ChooseCheckpoint), "the checkpoints")
        assert "keeps all weights" in screen.shown()
        await screen.press("down", "enter")
        await screen.until(lambda: screen.starter.started, "a start")
        assert [path and path.name for path in screen.starter.checkpoints] == ["step-001031.pt"]


@pytest.mark.parametrize(("key", "checkpoint"), [("ctrl+s", "step-001203.pt"), ("ctrl+r", None)])
async def test_ctrl_s_forks_where_it_can_and_ctrl_r_restarts_always(tmp_path: Path, run: Run, key: str, checkpoint: str | None) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "enter", key)
        await screen.until(lambda: screen.starter.started, "a start")
        assert [path and path.name for path in screen.starter.checkpoints] == [checkpoint]


async def test_slash_filters_the_fields_by_name_and_minus_folds_a_section(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("slash", *"decay")
        assert screen.form.stops() == ["optimizer.weight_decay", "optimizer.decay_all"]
        await screen.press("enter", "escape")
        await screen.until(lambda: len(screen.form.stops()) > 20, "all of them")
        screen.form.go("model.norm")
        await screen.press("minus")
        assert screen.form.key == "model."
        assert "channels ≥ 1" not in screen.shown()
        await screen.press("enter")
        assert screen.form.key == "model.kind"


async def test_old_and_new_learning_rates_are_drawn_together(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "enter")
        await screen.until(lambda: screen.app.drafted.new.x, "the curves")
        assert (screen.app.drafted.old.mean[0], screen.app.drafted.new.mean[0]) == (2e-3, 9.0)


async def test_a_finished_run_takes_nothing_live(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    done, _ = fake_run(tmp_path / "runs", state="done", created=time.time() - 60)
    done.config.write_text(dump_config(CONFIG))
    async with opened(tmp_path, run=done) as screen:
        await screen.press("enter", "1", "enter")
        assert screen.tune.check_action("apply_live", ()) is None
        assert "fork from step" in screen.shown()


async def test_escape_asks_before_it_takes_back_changes(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "enter", "escape")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")
        assert "Take back 1 change?" in screen.shown()
        await screen.press("n")
        assert screen.text(LR) == "9"
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")
        await screen.press("y")
        await screen.until(lambda: screen.form.draft is not None and screen.text(LR) == "2e-3", "the form as it was")
        await screen.press("escape")
        assert not isinstance(screen.app.screen, Confirm)


async def test_one_field_is_put_back_with_backspace(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "tab", "0", "enter", "backspace")
        assert screen.text("optimizer.betas") == "0.9, 0.999"
        assert screen.text(LR) == "9"


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
        assert [each.message for each in screen.app._notifications] == [f"saved {path}"]
        assert screen.text(LR) == "9"


async def test_leaving_asks_while_something_typed_would_be_lost(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "enter", "q")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")
        assert "Tune has 1 change with which no run was started." in screen.shown()
        await screen.press("n")
        assert screen.text(LR) == "9"


async def test_another_watched_run_does_not_take_what_was_typed(tmp_path: Path, run: Run) -> None:
    other, _ = fake_run(tmp_path / "runs", "brave-otter", state="done", created=time.time() - 200)
    other.config.write_text(dump_config(parse_config("[optimizer]\nlr = 0.5")))
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "enter")
        screen.app.watch_run(other, "tune")
        await screen.until(lambda: "not the run you watch" in screen.shown(), "the note")
        assert screen.text(LR) == "9"
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")
        await screen.press("y")
        await screen.until(lambda: screen.form.draft is not None and screen.text(LR) == "0.5", "the other run's configuration")


async def test_without_a_run_the_form_starts_one_from_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    async with opened(tmp_path) as screen:
        assert "These are the defaults" in screen.shown()
        await screen.press("ctrl+s")
        await screen.until(lambda: screen.starter.started, "a start")
        assert screen.starter.started[0][:2] == (Config(), None)


async def test_a_configuration_that_cannot_be_used_is_told(tmp_path: Path, run: Run) -> None:
    run.config.write_text("[optimizer]\nlr = -1\n")
    async with opened(tmp_path, run=run, mode="overview") as screen:
        await screen.press("6")
        await screen.until(lambda: "optimizer.lr: must be a number > 0, not -1" in screen.shown(), "the problem")
        assert screen.tune.check_action("start", ()) is None


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


async def test_left_and_right_go_to_the_other_column(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
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


async def test_pasting_puts_one_line_into_the_field(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter")
        screen.form.post_message(Paste("4e-4\nrm -rf"))
        await screen.until(lambda: screen.text(LR) == "4e-4", "the text")


async def test_the_copied_text_is_a_setting_for_the_command_line(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        assert screen.tune.copied() == ("optimizer.lr=2e-3", "the setting")


async def test_pydantic_is_not_imported_on_the_way_to_the_first_frame() -> None:
    program = "import sys, tui.app, tui.screens.tune; sys.exit('pydantic' in sys.modules or 'trainer.config' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    assert await process.wait() == 0

