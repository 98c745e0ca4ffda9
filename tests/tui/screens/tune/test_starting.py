"""What becomes of the changes: a start, a fork, a restart, or live in the run that trains."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from textual import events

from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.config import Change, Config, dump_config, load_config
from gradtop.trainer.config.fork_preview import Consequences
from gradtop.trainer.launch.fork_weights import ForkWeights
from gradtop.trainer.record import Command, Inbox, Run, Status, append_event, read_status, write_status
from gradtop.tui.dialogs.confirm import Confirm
from gradtop.tui.reading.lr_preview import NO_CURVES, LrCurves, series_of
from gradtop.tui.screens.overview.screen import Overview
from gradtop.tui.screens.tune.draft import Draft
from gradtop.tui.screens.tune.effect import at_once, at_once_text
from gradtop.tui.screens.tune.fork_dialogs import AskScaleOrReplace, ChooseCheckpoint
from tests.tui.runs_fixture import NOW, fake_run
from tests.tui.screens.tune.tuning import CONFIG, LR, Tuned, opened


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


@pytest.mark.parametrize(("key", "checkpoint"), [("ctrl+s", "step-001203.pt"), ("ctrl+r", None)])
async def test_ctrl_s_forks_where_it_can_and_ctrl_r_restarts_always(tmp_path: Path, run: Run, key: str, checkpoint: str | None) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "enter", key)
        await screen.until(lambda: screen.starter.started, "a start")
        assert [path and path.name for path in screen.starter.checkpoints] == [checkpoint]


async def test_ctrl_n_starts_in_line_and_the_screen_stays_with_what_trains(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "enter", "ctrl+n")
        await screen.until(lambda: any("is queued" in note.message for note in screen.app._notifications), "what became of it")
        assert screen.starter.queued == [True]
        assert [path and path.name for path in screen.starter.checkpoints] == ["step-001203.pt"]
        assert screen.app.current_mode == "tune"
        assert screen.app.watched is not None
        assert screen.app.watched.path == run.path
        await screen.press("ctrl+s")
        await screen.until(lambda: screen.starter.queued == [True, False], "a start")


async def test_ctrl_f_forks_from_the_checkpoint_that_is_chosen(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "enter", "ctrl+f")
        await screen.until(lambda: isinstance(screen.app.screen, ChooseCheckpoint), "the checkpoints")
        assert "keeps all weights" in screen.shown()
        await screen.press("down", "enter")
        await screen.until(lambda: screen.starter.started, "a start")
        assert [path and path.name for path in screen.starter.checkpoints] == ["step-001031.pt"]


async def test_the_weights_that_a_fork_keeps_are_counted_beside_the_form_and_a_late_answer_to_an_old_question_is_dropped(tmp_path: Path, run: Run) -> None:
    """No key waits for an answer."""
    asked: list[int] = []
    first, found = threading.Event(), {
        2: ForkWeights(Consequences(("8 of 9 weights",), ("1 weights have a different shape: old",))),
        3: ForkWeights(Consequences(("98 of 122 weights",), ("24 weights have a different shape: head",))),
        4: ForkWeights(Consequences((), ()), "no weight of the checkpoint fits the model"),
    }  # fmt: skip

    def answer(config: Config, checkpoint: Path) -> ForkWeights:
        assert checkpoint.name == "step-001203.pt"
        if config.data.shape.classes == 10:  # the default, where the first key comes later than the question
            return ForkWeights(Consequences((), ()))
        asked.append(config.data.shape.classes)
        if asked == [2]:
            first.wait(60)
        return found[config.data.shape.classes]

    async with opened(tmp_path, run=run) as screen:
        screen.starter.fork_weights = answer  # type: ignore[method-assign]
        screen.draft.type("data.kind", "fake")
        screen.form.draw()
        screen.form.go("data.classes")
        await screen.press("enter", "2", "enter")
        await screen.until(lambda: asked == [2], "the first question")
        assert "keeps the weights that fit by name and shape" in screen.words()
        await screen.press("enter", "3", "enter")
        await screen.until(lambda: "keeps 98 of 122 weights" in screen.words(), "the answer to the second")
        first.set()
        await screen.press("enter", "4", "enter")
        await screen.until(lambda: "restart, a new run from the beginning (ctrl+s): no weight of the checkpoint fits the model" in screen.words(), "a refusal")
        assert asked == [2, 3, 4]
        await screen.press("ctrl+f")
        await screen.until(lambda: "✕ no weight of the checkpoint fits the model" in screen.words(), "the refusal in the list of checkpoints")
        await screen.press("enter")
        assert isinstance(screen.app.screen, ChooseCheckpoint)
        assert screen.starter.started == []


async def asked_of_the_worker(screen: Tuned, run: Run) -> Command:
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
        await screen.press("enter", "1", "enter")
        now = float(str(read_status(run).lr))
        scaled, constant = f"now {significant(now)} → {significant(500 * now)}", "→ 1, constant"
        await screen.until(lambda: f"live: {scaled}" in " ".join(screen.shown().replace("│", " ").split()), "what becomes of it")
        await screen.press("ctrl+l")
        await screen.until(lambda: isinstance(screen.app.screen, AskScaleOrReplace), "the question")
        await screen.shows(f"scale the schedule: {scaled} (scaled)")
        await screen.shows(f"end the schedule: {constant}")
        await screen.press(*keys, "enter")
        command = await asked_of_the_worker(screen, run)
        assert command.name == "set"
        assert command.arguments["changes"] == {LR: 1.0} | more
        write_status(run, read_status(run)._replace(changes={LR: 1.0} | more, updated=time.time()))
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
        write_status(run, read_status(run)._replace(changes={"training.clip": 2.0}, updated=time.time()))
        await screen.until(lambda: [each.key for each in screen.draft.differences()] == ["training.batch_size"], "what is left")


async def test_a_length_that_ends_the_run_is_said_and_asked_about_before_it_is_applied(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        screen.form.go("training.epochs")
        await screen.press("enter", "1", "enter")
        await screen.until(lambda: "▲ live, the run would end now, after step 1" in screen.shown(), "what it does")
        await screen.press("ctrl+l")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")
        await screen.press("n", "ctrl+l")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")
        await screen.press("y")
        command = await asked_of_the_worker(screen, run)
        assert command.arguments == {"changes": {"training.epochs": 1}, "confirmed": True}


def test_a_learning_rate_that_leaps_is_said_once_the_curves_are_those_of_the_form() -> None:
    draft, status = Draft(CONFIG), Status(step=100, steps=6000, steps_per_epoch=200)
    draft.type("training.epochs", "400")
    assert draft.config is not None
    old, new = (series_of([(1, lr), (101, lr), (6000, lr)]) for lr in (1.0, 40.0))
    for curves in (NO_CURVES, LrCurves(config=CONFIG, old=old, new=new)):
        found = at_once(draft, status, curves)
        assert found.grave
        assert at_once_text(found, 100) == "the learning rate would continue on another curve, which is not known yet"
    found = at_once(draft, status, LrCurves(config=draft.config, old=old, new=new))
    assert found.grave
    assert at_once_text(found, 100) == "the learning rate would change from 1 to 40 (40×)"
    assert at_once_text(at_once(draft, status, LrCurves(config=draft.config, old=old, new=old)), 100) == ""


async def test_a_finished_run_takes_nothing_live(tmp_path: Path) -> None:
    done, _ = fake_run(tmp_path / "runs", state="done", created=NOW - 60)
    done.config.write_text(dump_config(CONFIG))
    async with opened(tmp_path, run=done) as screen:
        await screen.press("enter", "1", "enter")
        assert screen.tune.check_action("apply_live", ()) is None
        assert "fork from step" in screen.shown()


async def test_old_and_new_learning_rates_are_drawn_together(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter", "9", "enter")
        await screen.until(lambda: screen.app.drafted.new.x, "the curves")
        assert (screen.app.drafted.old.mean[0], screen.app.drafted.new.mean[0]) == (2e-3, 9.0)


async def test_without_a_run_the_form_starts_one_from_the_defaults(tmp_path: Path) -> None:
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
