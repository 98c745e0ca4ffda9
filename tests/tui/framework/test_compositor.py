from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from textual._compositor import Compositor
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from gradtop.trainer.record import Run
from gradtop.tui.framework.compositor import CellCompositor
from gradtop.tui.framework.mode_screen import ModeScreen
from tests.tui.piloting import piloted


class Application(App[None]):
    CSS = "Widget { height: 3; }"

    def compose(self) -> ComposeResult:
        yield Widget()
        yield Widget(id="later")


async def test_a_widget_is_told_that_it_is_shown_even_if_a_scroll_found_it_before() -> None:
    app = Application()
    async with app.run_test(size=(40, 12)):
        screen, later = app.screen, app.screen.query_one("#later")
        compositor = CellCompositor()
        later.display = False
        screen._clear_arrangement_cache()
        assert later not in compositor.reflow(screen, screen.size).shown
        later.display = True
        screen._clear_arrangement_cache()
        compositor.reflow_visible(screen, screen.size)
        assert later in compositor.full_map  # made anew
        assert later in compositor.reflow(screen, screen.size).shown
        later.styles.height = 4
        screen._clear_arrangement_cache()
        compositor.reflow_visible(screen, screen.size)
        assert compositor.full_map[later].region.height == 4
        assert later in compositor.reflow(screen, screen.size).resized
        assert not any(compositor.reflow(screen, screen.size))


async def test_a_whole_frame_is_what_textual_draws_of_what_is_seen_alone(tmp_path: Path, training: tuple[Run, object], monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[Widget] = []
    render = Widget.render_lines

    def noted(widget: Widget, crop: Region) -> list[Strip]:
        rendered.append(widget)
        return render(widget, crop)

    run, _ = training
    async with piloted(tmp_path, run) as screen:
        for keys in ((), ("question_mark",), ("escape", "3"), ("l",), ("escape", "4"), ("6",), ("R",), ("escape", "7"), ("m",)):
            await screen.press(*keys)
            shown = screen.app.screen
            with monkeypatch.context() as patched:
                patched.setattr(Widget, "render_lines", noted)
                rendered.clear()
                textuals = cells(Compositor.render_strips(placed(Compositor(), shown)))
                by_textual = len(rendered)
                rendered.clear()
                own = cells(placed(CellCompositor(), shown).render_strips())
            assert own == textuals, keys
            covered = isinstance(shown, ModeScreen)  # of a dialog all may be seen
            assert len(rendered) < by_textual if covered else len(rendered) <= by_textual, keys
            assert not (covered and shown in rendered)


def placed(compositor: Compositor, screen: Screen[object]) -> Compositor:
    compositor.reflow(screen, screen.size)
    return compositor


def cells(strips: Iterable[Strip]) -> list[list[tuple[str, object]]]:
    return [[(character, style) for text, style, _ in strip for character in text] for strip in strips]
