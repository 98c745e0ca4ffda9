from __future__ import annotations

import asyncio
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual._compositor import LayoutUpdate
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

from gradtop.tui.app import GradtopApp
from gradtop.tui.framework.header import Header
from gradtop.tui.framework.key_bar import KeyBar
from gradtop.tui.framework.mode_screen import READING
from gradtop.tui.framework.stylesheet import ParsedOnce
from gradtop.tui.widgets.line_chart import LineChart
from tests.tui.piloting import Piloted, piloted
from tests.tui.runs_fixture import NOW, fake_run


async def test_a_mode_is_drawn_whole_once_when_it_is_first_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = fake_run(tmp_path / "runs", state="done", steps=1204)
    frames: list[tuple[str, bool]] = []  # of which mode, and whether whole

    def display(_app: GradtopApp, screen: Any, renderable: Any) -> None:
        if renderable is not None:
            frames.append((screen.mode, isinstance(renderable, LayoutUpdate)))

    monkeypatch.setattr("gradtop.tui.framework.terminal_app.HIDDEN", 60.0)  # a busy machine
    monkeypatch.setattr(GradtopApp, "_display", display)
    async with piloted(tmp_path, run, interval=60) as screen:
        for mode in ("overview", "parameters", "gradients", "weights", "schedule"):
            screen.app.action_mode(mode)
            await screen.until(partial(frames.count, (mode, True)), "a frame of it")
            screen.mode.query_one(Header).refresh()
            await screen.until(partial(frames.count, (mode, False)), "a frame of its header alone")
            assert frames.count((mode, True)) == 1, frames


async def test_a_mode_is_painted_though_it_never_says_that_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = fake_run(tmp_path / "runs", state="done", steps=1204)
    async with piloted(tmp_path, run, interval=60) as screen:
        await screen.until(lambda: not screen.app.hides, "the first frame")
        # As if a widget that it waits for were gone.
        monkeypatch.setattr("gradtop.tui.framework.mode_screen.ModeScreen._settle", lambda *_, **__: None)
        await screen.press("6")
        await screen.until(lambda: screen.app.current_mode == "tune" and not screen.app.hides, "a frame of it")


async def test_no_other_thread_reads_while_the_first_frame_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = fake_run(tmp_path / "runs", state="done", steps=1204)
    polling: list[bool] = []

    def display(app: GradtopApp, _screen: Any, renderable: Any) -> None:
        if renderable is not None:
            polling.append(app._polling)

    monkeypatch.setattr(GradtopApp, "_display", display)
    async with piloted(tmp_path, run, interval=60) as screen:
        await screen.shows("nothing wrong")  # the findings come with the first look of the poll thread
        assert not polling[0]


async def test_each_widget_is_styled_once_before_it_is_first_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = fake_run(tmp_path / "runs", state="done", steps=1204)
    styled: list[Widget] = []
    apply = ParsedOnce.apply

    def count(stylesheet: ParsedOnce, node: DOMNode, **options: Any) -> None:
        if isinstance(node, Widget):
            styled.append(node)
        apply(stylesheet, node, **options)

    monkeypatch.setattr(ParsedOnce, "apply", count)
    monkeypatch.setattr("gradtop.tui.framework.terminal_app.HIDDEN", 60.0)  # a busy machine
    async with piloted(tmp_path, run, interval=60) as screen:
        for mode in ("overview", "parameters", "gradients", "weights", "schedule"):
            screen.app.action_mode(mode)
            await screen.until(lambda: screen.mode.is_read and not screen.app.hides, "a frame of it")
            again = [node for node in set(styled) if styled.count(node) > 1 and not isinstance(node, Screen) and not node.has_focus]
            assert not again, (mode, again)
            styled.clear()


async def test_the_key_bar_looks_once_for_what_acts_and_matches_no_selector_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = fake_run(tmp_path / "runs", state="done", steps=1204)
    looked: list[str] = []
    acting, query = KeyBar._acting, DOMNode.query

    def look(bar: KeyBar) -> Any:
        looked.append("acting")
        return acting(bar)

    def match(node: DOMNode, *asked: Any) -> Any:
        looked.append("query")
        return query(node, *asked)

    async with piloted(tmp_path, run, interval=60) as screen:
        for mode in ("overview", "weights"):
            screen.app.action_mode(mode)
            await screen.until(lambda: screen.mode.is_read and not screen.app.hides, "a frame of it")
            bar = screen.mode.query_one(KeyBar)
            with monkeypatch.context() as patched:  # nothing else runs meanwhile
                patched.setattr(KeyBar, "_acting", look)
                patched.setattr(DOMNode, "query", match)
                bar._strip = None
                bar.redraw()
                bar.render_line(0)
                assert looked == ["acting"], mode
                bar._strip = None  # as after another size: what acts may have changed since
                bar.render_line(0)
                assert looked == ["acting"] * 2, mode
            looked.clear()


async def test_tune_is_drawn_whole_once_when_it_is_first_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = fake_run(tmp_path / "runs", state="done", steps=1204)
    frames: list[tuple[str, bool]] = []

    def display(app: GradtopApp, screen: Any, renderable: Any) -> None:
        if renderable is not None and not app._batch_count:
            frames.append((screen.mode, isinstance(renderable, LayoutUpdate)))

    monkeypatch.setattr(GradtopApp, "_display", display)
    monkeypatch.setattr("gradtop.tui.framework.terminal_app.HIDDEN", 60.0)  # a busy machine
    async with piloted(tmp_path, run, interval=60) as screen:
        screen.app.action_mode("tune")
        await screen.until(lambda: ("tune", True) in frames, "a frame of it")
        screen.mode.query_one(Header).refresh()
        await screen.until(lambda: ("tune", False) in frames, "a frame of its header alone")
        assert [whole for mode, whole in frames if mode == "tune"] == [True, False]


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Of each frame that is painted the mode, and what stands on the terminal then."""
    frames: list[tuple[str, str]] = []

    def display(app: GradtopApp, screen: Any, renderable: Any) -> None:
        if renderable is not None and not app._batch_count and screen is app.screen:
            strips = screen._compositor.render_strips()
            frames.append((app.current_mode, "\n".join("".join(segment.text for segment in strip) for strip in strips)))

    monkeypatch.setattr(GradtopApp, "_display", display)
    return frames


async def until_settled(screen: Piloted) -> None:
    """Until each widget has gone through all that it was told, and through what that brought."""
    for _ in range(3):
        done: list[Widget] = []
        widgets = list(screen.mode.walk_children(Widget))
        for widget in widgets:
            widget.call_later(done.append, widget)
        await screen.until(lambda: len(done) == len(widgets), "the widgets")  # noqa: B023 - of this round
        await screen.pilot.pause()


OTHERS = ("parameters", "gradients", "weights", "schedule", "tune", "runs", "system", "metrics", "classes")


async def test_the_first_frame_of_each_mode_is_what_it_comes_to_show(tmp_path: Path, painted: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = fake_run(tmp_path / "runs", state="done", steps=1204)
    fake_run(tmp_path / "runs", "brave-otter", state="failed", steps=300)
    on_event = Widget.on_event

    async def on_event_late(widget: Widget, event: events.Event) -> None:
        if isinstance(event, events.Resize):
            await asyncio.sleep(0.02)
        await on_event(widget, event)

    monkeypatch.setattr(Widget, "on_event", on_event_late)  # a busy machine
    for waited in ("framework.terminal_app.HIDDEN", "screens.runs.judging.AT_FIRST"):
        monkeypatch.setattr(f"gradtop.tui.{waited}", 60.0)
    async with piloted(tmp_path, run, interval=60) as screen:
        await screen.shows("nothing wrong")
        for mode in OTHERS:
            painted.clear()
            screen.app.action_mode(mode)
            await screen.until(lambda: painted and not screen.app.hides, "a frame of it")
            await until_settled(screen)
            assert {of for of, _ in painted} == {mode}
            assert painted[0] == painted[-1], mode


async def test_a_mode_that_is_read_for_long_says_so_until_it_is_drawn_whole(tmp_path: Path, painted: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = fake_run(tmp_path / "runs", state="done", steps=1204)
    monkeypatch.setattr("gradtop.tui.framework.terminal_app.HIDDEN", 60.0)  # the time is over when the test says so
    async with piloted(tmp_path, run, interval=60) as screen:
        await screen.shows("nothing wrong")
        for mode in ("gradients", "schedule", "system", "runs"):
            painted.clear()
            go_on = threading.Event()
            screen.app.poll.do(partial(go_on.wait, 60))
            screen.app.action_mode(mode)
            screen.app.hidden_long()  # before it is put together
            assert screen.app.hides
            await screen.until(lambda mode=mode: screen.app.current_mode == mode and screen.mode.is_mounted, "the mode")  # type: ignore[misc]
            assert not painted
            screen.app.hidden_long()
            await screen.until(lambda: painted, "a frame of it")
            assert READING in painted[0][1]
            assert "quiet-heron" in painted[0][1]
            go_on.set()
            await screen.until(lambda: READING not in painted[-1][1], "what was read")
            whole = next(frame for _, frame in painted if READING not in frame)
            await screen.pilot.pause()
            assert mode == "runs" or whole == painted[-1][1]


async def test_a_mode_to_which_another_run_is_taken_shows_nothing_of_the_one_before(tmp_path: Path, painted: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = fake_run(tmp_path / "runs", state="done", steps=1204)
    other, _ = fake_run(tmp_path / "runs", "brave-otter", state="failed", steps=300, error="out of memory", created=NOW - 5000)
    monkeypatch.setattr("gradtop.tui.framework.terminal_app.HIDDEN", 60.0)
    async with piloted(tmp_path, run, interval=0.02) as screen:
        await screen.shows("nothing wrong")
        modes = ("gradients", "weights", "schedule", "system")
        for mode in modes:
            screen.app.action_mode(mode)
            await screen.until(lambda: not screen.app.hides and screen.mode.is_read, "a frame of it")
        painted.clear()
        screen.app.watch_run(other)
        for mode in modes:
            await screen.until(lambda: painted and not screen.app.hides, "a frame of it")
            await until_settled(screen)
            assert not [frame for _, frame in painted if "quiet-heron" in frame]
            painted.clear()
            screen.app.action_mode(mode)


async def test_all_charts_follow_the_cursor_in_the_same_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = fake_run(tmp_path / "runs", state="done", steps=1204)
    shown: list[list[float | None]] = []
    display = GradtopApp._display
    async with piloted(tmp_path, run, interval=60) as screen:
        await screen.until(lambda: len(screen.snapshot.part.loss.x) > 100, "the curves")
        charts = list(screen.mode.query(LineChart))
        await screen.press("left")  # gives a chart the focus, too
        await screen.until(lambda: all(chart.cursor_x is not None for chart in charts), "the cursor")
        await screen.pilot.pause()

        def watched(app: GradtopApp, of: Any, renderable: Any) -> None:
            if renderable is not None:
                shown.append([chart.cursor_x for chart in charts])
            display(app, of, renderable)

        monkeypatch.setattr(GradtopApp, "_display", watched)
        for _ in range(8):
            before = charts[0].cursor_x
            await screen.press("left")
            await screen.until(lambda: shown and shown[-1][0] not in {before, None}, "a frame with the cursor elsewhere")  # noqa: B023 - called at once
        assert all(len(set(each)) == 1 for each in shown), shown


async def test_a_mode_that_is_still_being_put_together_as_the_app_ends_fails_nothing(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=100)
    grower.close()
    async with piloted(tmp_path, run) as screen:
        await screen.shows("quiet-heron")
        screen.app.hide_until_whole(new=True)
        stack, screen.app._screen_stacks[screen.app.current_mode] = screen.app._screen_stack, []
        try:
            screen.app.hidden_long()
        finally:
            screen.app._screen_stacks[screen.app.current_mode] = stack
            screen.app.is_whole()
