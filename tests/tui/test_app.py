from __future__ import annotations

import base64
import gc
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from textual._compositor import ChopsUpdate
from textual.geometry import Region
from textual.widgets import Static

from tests.tui.piloting import Piloted, piloted
from tests.tui.runs_fixture import NOW, Grower, fake_run
from trainer.record import Inbox, Run, append_event, new_run
from trainer.record.status import load_status
from tui.commands.ending import farewell
from tui.messages import NewSnapshot
from tui.remember import Memory
from tui.repaint import Repaint
from tui.screens.confirm import Confirm
from tui.screens.lines import Lines
from tui.snapshot import EMPTY
from tui.terminal import Capabilities
from tui.widgets.line_chart import LineChart


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


@pytest.fixture
def training(runs: Path) -> tuple[Run, Grower]:
    return fake_run(runs, created=NOW - 30.1)


async def test_a_finished_run_is_there_with_the_first_frame(tmp_path: Path, runs: Path) -> None:
    run, _ = fake_run(runs, "amber-finch", state="done", steps=1204)
    async with piloted(tmp_path, run, interval=60) as screen:
        shown = screen.shown()
        for words in ("amber-finch", "■ done", "train", "gradient norm", "nothing wrong in the last 500 steps", "ended "):
            assert words in shown


async def test_a_run_that_starts_empty_is_seen_to_grow(tmp_path: Path, runs: Path) -> None:
    run, grower = fake_run(runs, "new-moth", state="starting", steps=0, created=NOW)
    async with piloted(tmp_path, run) as screen:
        await screen.shows("starting: the first step comes in some seconds")
        grower.grow(200)
        grower.status("training")
        await screen.shows("● training")
        await screen.shows("200/5\u202f160")
        assert "the first step comes" not in screen.shown()
        await screen.shows("epoch 1  val loss")


async def test_a_run_that_is_deleted_while_watched_is_told_and_the_list_is_shown(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        await screen.shows("● training")
        shutil.rmtree(run.path)
        await screen.until(lambda: screen.app.current_mode == "runs", "the list of runs")
        await screen.press("1")
        await screen.shows("is gone: somebody deleted or moved it")
        assert "space" not in screen.keybar()
        assert farewell(screen.app.snapshot.facts, tmp_path / "runs") == ""


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("failed", ["✕ failed", "out of memory: try a smaller batch", "l shows the worker's log"]),
        ("died", ["† died", "Its last lines:", "epoch 1: loss 0.842"]),
        ("silent", ["? silent", "gives no sign of life"]),
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


async def test_what_is_copied_is_written_for_the_terminal_to_keep(tmp_path: Path, training: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        written: list[str] = []
        assert screen.app._driver is not None
        monkeypatch.setattr(screen.app._driver, "write", written.append)
        await screen.press("y")
        await screen.shows("copied the run's path")
        assert any(text.startswith("\x1b]52;c;") and base64.b64encode(str(run.path).encode()).decode() in text for text in written)


async def test_the_theme_changes_at_once_and_is_remembered(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        assert screen.app.theme == "gradtop-dark"
        await screen.press("ctrl+t")
        assert screen.app.theme == "gradtop-light"
        await screen.until(lambda: Memory(tmp_path / "memory.json").get("theme") == "light", "the memory")
    async with piloted(tmp_path, run) as screen:
        assert screen.app.theme == "gradtop-light"
        await screen.press("5")
        await screen.until(lambda: Memory(tmp_path / "memory.json").get("mode") == "schedule", "the memory")
    async with piloted(tmp_path, run, mode=None) as screen:  # type: ignore[arg-type]
        assert screen.app.current_mode == "schedule"


async def test_a_mode_that_comes_back_is_drawn_at_once_and_nothing_is_drawn_behind_the_help(
    tmp_path: Path, training: tuple[Run, Grower]
) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        await screen.press("5")
        await screen.until(lambda: screen.app._batch_count == 0, "the first sight of the mode")
        screen.app.action_mode("overview")
        assert screen.app._batch_count == 0
        await screen.pilot.pause()
        await screen.press("question_mark")
        assert screen.app._background_screens == []


async def test_after_the_first_frame_garbage_is_collected_in_full_only_now_and_then(
    tmp_path: Path, training: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = training
    thresholds, full = gc.get_threshold(), []
    monkeypatch.setattr("tui.app.FULL_COLLECTION", 0.01)

    def seen(phase: str, about: dict[str, int]) -> None:
        full.extend([1] if phase == "stop" and about["generation"] == 2 else [])

    gc.disable()
    gc.callbacks.append(seen)
    try:
        async with piloted(tmp_path, run) as screen:
            await screen.until(gc.isenabled, "the collection of garbage")
            assert gc.get_threshold()[2] > thresholds[2]
            await screen.until(lambda: len(full) > 1, "a full one")
    finally:
        gc.callbacks.remove(seen)
        gc.set_threshold(*thresholds)
        gc.enable()


async def test_a_theme_that_changed_in_another_mode_is_there_when_a_mode_comes_back(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training

    def colours(screen: Piloted) -> set[str]:
        strips = screen.app.screen._compositor.render_strips()
        return {segment.style.bgcolor.name for strip in strips for segment in strip if segment.style and segment.style.bgcolor}

    async with piloted(tmp_path, run) as screen:
        before = colours(screen)
        await screen.press("5", "ctrl+t", "1")
        assert screen.app.current_mode == "overview"
        await screen.until(lambda: not colours(screen) & before, "no colour of the other theme")


@pytest.mark.parametrize("dark", ["dark", "light"])
async def test_with_sixteen_colours_or_none_the_terminals_own_are_used(tmp_path: Path, training: tuple[Run, Grower], dark: str) -> None:
    run, _ = training
    memory = Memory(tmp_path / "memory.json")
    memory.put("theme", dark)
    async with piloted(tmp_path, run, capabilities=Capabilities(colours=16), memory=memory) as screen:
        assert screen.app.theme == f"gradtop-ansi-{dark}"
        colours = {
            segment.style.color.type.name
            for strip in screen.app.screen._compositor.render_strips()
            for segment in strip
            if segment.style and segment.style.color
        }
        assert colours <= {"DEFAULT", "STANDARD"}
        await screen.press("question_mark")
        await screen.shows("keys in 1 Overview")
        await screen.press("escape", "ctrl+p")
        await screen.shows("Search for commands")


async def test_where_nothing_but_ascii_can_be_drawn_nothing_else_is(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    async with piloted(tmp_path, run, capabilities=Capabilities(unicode=False)) as screen:
        for keys in (["right"], ["5", "left"], ["6"], ["question_mark"]):
            await screen.press(*keys)
            filters = screen.app.get_line_filters()
            for strip in screen.app.screen._compositor.render_strips():
                segments: Any = list(strip)
                for each in filters:
                    segments = each.apply(segments, screen.app.screen.background_colors[1])
                assert all(segment.text.isascii() for segment in segments), keys


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_leaving_stops_nothing_and_says_how_to_come_back(tmp_path: Path, training: tuple[Run, Grower], key: str) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        await screen.shows("● training")
        await screen.press(key)
        await screen.until(lambda: not screen.app.is_running or screen.app._exit, "the end")
        said = farewell(screen.app.snapshot.facts, tmp_path / "runs")
    assert said.startswith("quiet-heron goes on training. Come back: gradtop watch quiet-heron")
    assert "stop it: gradtop stop quiet-heron" in said
    assert not Inbox(run).poll()
    assert not list(run.leases.glob("*.json"))


@pytest.mark.parametrize("size", [(39, 11), (39, 40), (120, 11), (1, 1), (10, 3)])
async def test_a_terminal_that_is_too_small_is_told_in_one_sentence(tmp_path: Path, training: tuple[Run, Grower], size: tuple[int, int]) -> None:
    run, _ = training
    async with piloted(tmp_path, run, size=size) as screen:
        assert screen.mode.query_one("#too-small", Static).display
        assert "loss" not in screen.shown()
        if size[0] > 30:
            assert f"gradtop needs 40 × 12 characters; this terminal has {size[0]}" in " ".join(screen.shown().split())
        await screen.pilot.resize_terminal(120, 40)
        await screen.shows("gradient norm")
        assert not screen.mode.has_class("-too-small")


async def test_a_storm_of_resizes_leaves_a_whole_picture(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        for width, height in [(200, 60), (12, 4), (80, 24), (40, 12), (99, 15), (100, 25), (60, 20), (41, 13), (120, 40)] * 2:
            await screen.pilot.resize_terminal(width, height)
        await screen.pilot.pause()
        after = screen.shown()
    async with piloted(tmp_path, run) as screen:
        assert after == screen.shown()


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


# What is painted


async def test_nothing_is_painted_and_no_snapshot_posted_while_nothing_changes(
    tmp_path: Path, training: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = training
    ticks = 0

    async with piloted(tmp_path, run, interval=0.005) as screen:
        await screen.shows("● training")
        await screen.pilot.pause(0.05)
        painted: list[object] = []
        posted: list[object] = []
        tick = screen.app.poll.tick

        def counted() -> float:
            nonlocal ticks
            ticks += 1
            return tick()

        monkeypatch.setattr(screen.app, "_display", lambda _on, what: painted.append(what))
        monkeypatch.setattr(screen.app.poll, "_show", posted.append)
        monkeypatch.setattr(screen.app.poll, "tick", counted)
        await screen.until(lambda: ticks > 30, "thirty looks")
        assert posted == []
        assert [what for what in painted if what is not None] == []


async def test_a_step_repaints_a_few_cells(tmp_path: Path, training: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch) -> None:
    run, grower = training
    async with piloted(tmp_path, run) as screen:
        await screen.shows("● training")
        await screen.pilot.pause()
        sizes: list[int] = []
        monkeypatch.setattr(screen.app, "_display", lambda _on, what: sizes.append(cells(what)))
        for _ in range(10):
            await grown(screen, grower, 1)
            await screen.pilot.pause()
        assert sizes
        assert sum(sizes) / 10 < 120


async def grown(screen: Piloted, grower: Grower, steps: int) -> None:
    """Let the run go on, until the screen has seen it."""
    grower.grow(steps)
    grower.status("training")
    status = load_status(grower.run)
    assert status is not None
    await screen.until(lambda: screen.snapshot.facts.status.step == status.step, f"step {status.step}")


def cells(update: object) -> int:
    return sum(last - first for _y, first, last in update.spans) if isinstance(update, ChopsUpdate) else 10_000 * (update is not None)


async def test_what_is_sent_for_a_change_is_the_changed_cells_alone(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        header = screen.mode.query_one(Lines)
        compositor = screen.app.screen._compositor
        header.refresh(Region(20, 0, 3, 1))
        compositor.update_widgets({header})
        update = compositor.render_partial_update()
        assert update is not None
        sent = Repaint.of(update).render_segments(screen.app.console)
        assert sent.startswith("\x1b[1;21H")
        assert len(sent) < len(update.render_segments(screen.app.console))


async def test_a_hidden_chart_computes_nothing_and_is_right_when_seen_again(tmp_path: Path, training: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch) -> None:
    run, grower = training
    async with piloted(tmp_path, run, size=(80, 24)) as screen:
        await screen.shows("accuracy")
        drawn: list[str | None] = []
        draw = LineChart._draw

        def watched(chart: LineChart) -> None:
            before = chart._rows
            draw(chart)
            if chart._rows is not before:
                drawn.append(chart.id)

        monkeypatch.setattr(LineChart, "_draw", watched)
        await grown(screen, grower, 10)
        await screen.pilot.pause()
        assert set(drawn) <= {"loss", "accuracy"}
        await screen.press("tab")
        await screen.shows("gradient norm")
        assert {"gradient-norm", "learning-rate"} <= set(drawn)
        drawn.clear()
        await screen.press("5")
        await screen.until(lambda: screen.app.current_mode == "schedule", "the schedule")
        drawn.clear()
        await grown(screen, grower, 10)
        await screen.pilot.pause()
        assert set(drawn) <= {"lr"}


def test_of_many_snapshots_that_wait_the_newest_is_handled() -> None:
    assert NewSnapshot(EMPTY).can_replace(NewSnapshot(EMPTY))


async def test_without_a_run_each_mode_says_what_will_come(tmp_path: Path, runs: Path) -> None:
    async with piloted(tmp_path, None) as screen:
        await screen.shows("No run is watched. 7 shows the runs, 6 starts one.")
        await screen.press("5")
        await screen.shows("No run is watched. 7 shows the runs, 6 starts one.")
        assert "space" not in screen.keybar()
        await screen.press("y")
        await screen.shows("nothing to copy here")


async def test_a_run_that_is_an_empty_directory_is_no_trouble(tmp_path: Path, runs: Path) -> None:
    run = new_run(runs, "", {"name": "bare"}, name="bare", now=NOW)
    for path in (run.config, run.path / "meta.json"):
        path.unlink(missing_ok=True)
    async with piloted(tmp_path, run) as screen:
        for key in "15":
            await screen.press(key)
            assert "created" in screen.shown()
