from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.record import Inbox, Run, RunState, append_event, new_run
from gradtop.tui.cli.ending import closing_text
from gradtop.tui.dialogs.confirm import Confirm
from tests.tui.piloting import piloted
from tests.tui.range_fixture import range_run
from tests.tui.runs_fixture import NOW, Grower, fake_run
from tests.tui.speed_fixture import speed_run


async def test_a_finished_run_is_there_with_the_first_frame(tmp_path: Path, runs: Path) -> None:
    run, _ = fake_run(runs, "amber-finch", state="done", steps=1204)
    async with piloted(tmp_path, run, interval=60) as screen:  # no second look
        await screen.shows("nothing wrong in")
        shown = screen.shown()
        for words in ("amber-finch", "■ done", "train", "gradient norm", "ended "):
            assert words in shown


async def test_a_run_that_starts_empty_is_seen_to_grow(tmp_path: Path, runs: Path) -> None:
    run, grower = fake_run(runs, "new-moth", state="starting", steps=0, created=NOW)
    async with piloted(tmp_path, run) as screen:
        await screen.shows("starting: the first step follows in a few seconds")
        grower.grow(200)
        grower.status("training")
        await screen.shows("● training")
        await screen.shows("200/5\u202f160")
        assert "the first step comes" not in screen.shown()
        await screen.shows("val loss 2.01")


async def test_a_run_that_is_deleted_while_watched_is_told_and_the_list_is_shown(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        await screen.shows("● training")
        shutil.rmtree(run.path)
        await screen.until(lambda: screen.app.current_mode == "runs", "the list of runs")
        await screen.press("1")
        await screen.shows("was deleted or moved")
        assert "space" not in screen.keybar()
        assert closing_text(screen.app.snapshot.facts, tmp_path / "runs") == ""


async def test_a_run_that_is_an_empty_directory_is_no_trouble(tmp_path: Path, runs: Path) -> None:
    run = new_run(runs, "", {"name": "bare"}, name="bare", now=NOW)
    for path in (run.config, run.path / "meta.json"):
        path.unlink(missing_ok=True)
    async with piloted(tmp_path, run) as screen:
        for key in "15":
            await screen.press(key)
            assert "created" in screen.shown()


async def test_without_a_run_each_mode_says_what_will_come(tmp_path: Path, runs: Path) -> None:
    async with piloted(tmp_path, None) as screen:
        await screen.shows("No run is selected. 7 lists the runs, 6 starts one.")
        await screen.press("5")
        await screen.shows("No run is selected. 7 lists the runs, 6 starts one.")
        assert "space" not in screen.keybar()
        await screen.press("y")
        await screen.shows("nothing to copy")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("failed", ["✕ failed", "out of memory: try a smaller batch", "L shows the worker's log"]),
        ("died", ["† died", "Its last lines:", "epoch 1: loss 0.842"]),
        ("silent", ["? silent", "does not respond"]),
        ("paused", ["‖ paused", "space continue"]),
        ("stopped", ["□ stopped", "ended "]),
    ],
)
async def test_what_is_the_matter_stands_under_the_header(tmp_path: Path, runs: Path, state: str, words: list[str]) -> None:
    run, _ = fake_run(runs, state=state, error="out of memory: try a smaller batch" if state == "failed" else "", created=NOW - 31)
    async with piloted(tmp_path, run) as screen:
        for each in words:
            await screen.shows(each)


@pytest.mark.parametrize(
    ("state", "there", "absent"),
    [
        ("training", ["space pause", "c checkpoint", "s stop"], ["continue"]),
        ("paused", ["space continue", "c checkpoint", "s stop"], ["pause"]),
        ("silent", ["s stop"], ["space", "checkpoint"]),
        ("done", ["? help", "q leave"], ["space", "checkpoint", "stop"]),
    ],
)
async def test_the_key_bar_shows_the_keys_that_act_now(tmp_path: Path, runs: Path, state: str, there: list[str], absent: list[str]) -> None:
    run, _ = fake_run(runs, state=state, created=NOW - 31)
    async with piloted(tmp_path, run, size=(160, 40)) as screen:
        await screen.until(lambda: all(each in screen.keybar() for each in there), str(there))
        assert not [each for each in absent if each in screen.keybar()]


async def test_commands_reach_the_worker_and_its_answer_is_told(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    inbox = Inbox(run)
    async with piloted(tmp_path, run) as screen:
        for key, command in (("space", "pause"), ("c", "checkpoint")):
            await screen.press(key)
            await screen.until(inbox.poll, command)
            (found,) = inbox.poll()
            assert found.name == command
            append_event(run, "command", id=found.id, command=command, ok=True, message=f"{command} at step 7", time=NOW)
            inbox.done(found)
            await screen.shows(f"{command}: {command} at step 7")


async def test_stop_asks_first_and_no_is_the_default(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    inbox = Inbox(run)
    async with piloted(tmp_path, run) as screen:
        for answer in ("n", "escape", "enter"):
            await screen.press("s")
            await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")
            assert "Stop quiet-heron?" in screen.shown()
            await screen.press(answer)
            await screen.until(lambda: not isinstance(screen.app.screen, Confirm), "the mode")
        assert not inbox.poll()
        await screen.press("s")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")
        await screen.press("y")
        await screen.until(lambda: [command.name for command in inbox.poll()] == ["stop"], "the command")


@pytest.mark.parametrize(("make", "afterwards"), [(range_run, "It cannot be resumed."), (speed_run, "It can be resumed from there.")])
async def test_of_a_job_without_checkpoints_no_key_writes_one_and_a_stop_promises_none(tmp_path: Path, make: Callable[..., Run], afterwards: str) -> None:
    run = make(tmp_path / "runs", state=RunState.PAUSED)
    async with piloted(tmp_path, run, size=(160, 40)) as screen:
        await screen.until(lambda: "s stop" in screen.keybar(), "the keys")
        assert "checkpoint" not in screen.keybar()
        await screen.press("s")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")
        assert "checkpoint" not in screen.shown()
        await screen.until(lambda: afterwards in " ".join(screen.shown().replace("│", " ").split()), "what it does")


async def test_what_is_copied_is_written_for_the_terminal_to_keep(tmp_path: Path, training: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        written: list[str] = []
        assert screen.app._driver is not None
        monkeypatch.setattr(screen.app._driver, "write", written.append)
        await screen.press("y")
        await screen.shows("copied the run's path")
        assert any(text.startswith("\x1b]52;c;") and base64.b64encode(str(run.path).encode()).decode() in text for text in written)


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_leaving_stops_nothing_and_says_how_to_come_back(tmp_path: Path, training: tuple[Run, Grower], key: str) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        await screen.shows("● training")
        await screen.press(key)
        await screen.until(lambda: not screen.app.is_running or screen.app._exit, "the end")
        said = closing_text(screen.app.snapshot.facts, tmp_path / "runs")
    assert said.startswith("quiet-heron continues in the background. Watch: gradtop watch quiet-heron")
    assert "stop: gradtop stop quiet-heron" in said
    assert not Inbox(run).poll()
    assert not list(run.leases.glob("*.json"))


@pytest.mark.parametrize("name", ["\x1b[31mred\x1b]0;title\x07", "[bold]markup[/] [@click=app.bell]x[/]", "模型" * 40, "n" * 10_000, "a\nb\tc\x00d", "🙂 e\u0301"])
async def test_a_hostile_name_is_shown_as_plain_text(tmp_path: Path, runs: Path, name: str) -> None:
    run, _ = fake_run(runs, steps=50)
    (run.path / "meta.json").write_text(json.dumps({"name": name}))
    append_event(run, "warning", message=f"{name} and so on", time=NOW)
    run.log.write_text(name)
    async with piloted(tmp_path, run) as screen:
        shown = screen.shown()
        assert "\x1b" not in shown
        assert "\x07" not in shown
        assert len(shown.splitlines()) == 40
        if name.startswith("["):
            assert "[bold]markup[/]" in shown
        await screen.press("s")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")
        assert "\x1b" not in screen.shown()
