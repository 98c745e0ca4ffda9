from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual._compositor import LayoutUpdate
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

from gradtop.tui.app import GradtopApp
from gradtop.tui.framework.header import Header
from gradtop.tui.framework.stylesheet import ParsedOnce
from tests.tui.piloting import piloted
from tests.tui.runs_fixture import fake_run


async def test_a_mode_is_drawn_whole_once_when_it_is_first_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = fake_run(tmp_path / "runs", state="done", steps=1204)
    frames: list[tuple[str, bool]] = []  # of which mode, and whether whole

    def display(_app: GradtopApp, screen: Any, renderable: Any) -> None:
        if renderable is not None:
            frames.append((screen.mode, isinstance(renderable, LayoutUpdate)))

    monkeypatch.setattr(GradtopApp, "_display", display)
    async with piloted(tmp_path, run, interval=60) as screen:
        for mode in ("overview", "parameters", "gradients", "weights", "schedule"):
            screen.app.action_mode(mode)
            await screen.until(partial(frames.count, (mode, True)), "a frame of it")
            screen.mode.query_one(Header).refresh()
            await screen.until(partial(frames.count, (mode, False)), "a frame of its header alone")
            assert frames.count((mode, True)) == 1, frames


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
    async with piloted(tmp_path, run, interval=60) as screen:
        for mode in ("overview", "parameters", "gradients", "weights", "schedule"):
            screen.app.action_mode(mode)
            await screen.until(lambda: screen.mode.is_ready and not screen.app.hides, "a frame of it")
            again = [node for node in set(styled) if styled.count(node) > 1 and not isinstance(node, Screen) and not node.has_focus]
            assert not again, (mode, again)
            styled.clear()


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
