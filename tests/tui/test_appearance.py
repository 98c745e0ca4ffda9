"""Themes, terminals that can do little, and terminals of every size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Static

from gradtop.trainer.record import Run
from gradtop.tui.terminal import Capabilities
from gradtop.tui.ui_state import UiState
from tests.tui.piloting import Piloted, piloted
from tests.tui.runs_fixture import Grower


async def test_the_theme_changes_at_once_and_is_remembered(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        assert screen.app.theme == "gradtop-dark"
        await screen.press("ctrl+t")
        assert screen.app.theme == "gradtop-light"
        await screen.until(lambda: UiState(tmp_path / "memory.json").get("theme") == "light", "the memory")
    async with piloted(tmp_path, run) as screen:
        assert screen.app.theme == "gradtop-light"
        await screen.press("5")
        await screen.until(lambda: UiState(tmp_path / "memory.json").get("mode") == "schedule", "the memory")
    async with piloted(tmp_path, run, mode=None) as screen:  # type: ignore[arg-type]
        assert screen.app.current_mode == "schedule"


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
    memory = UiState(tmp_path / "memory.json")
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
        assert underlined(screen)[0] == "Classes  (C)"


async def test_without_colours_the_cursor_of_a_list_is_seen(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    async with piloted(tmp_path, run, mode="tune", capabilities=Capabilities(colours=0)) as screen:
        await screen.shows("kernel_size")
        await screen.press("home", "enter", "down")
        await screen.until(lambda: underlined(screen) == ["custom"], "the kind under the cursor")


def underlined(screen: Piloted) -> list[str]:
    """What stands underlined on the terminal."""
    strips = screen.app.screen._compositor.render_strips()
    return [text for strip in strips for segment in strip if segment.style and segment.style.underline and (text := segment.text.strip())]


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
        await screen.shows("✓ nothing wrong")
        await screen.pilot.pause()
        after = screen.shown()
    async with piloted(tmp_path, run) as screen:
        await screen.until(lambda: screen.shown() == after, f"the same picture as after the storm:\n{after}", seconds=20)
