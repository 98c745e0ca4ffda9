from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.events import MouseDown, MouseEvent, MouseMove, MouseUp
from textual.screen import Screen

from gradtop.trainer.record import Run
from gradtop.tui.dialogs.help import Help
from gradtop.tui.framework.palette import Palette
from gradtop.tui.screens.overview.screen import Overview
from tests.tui.piloting import Piloted, piloted


async def test_a_click_on_a_widget_that_has_just_gone_chooses_nothing(tmp_path: Path, training: tuple[Run, object]) -> None:
    async with piloted(tmp_path, training[0]) as screen:
        await at_all_places(screen, Overview)
        await screen.press("question_mark")
        await at_all_places(screen, Help)
        await screen.press("escape", "ctrl+p")
        await at_all_places(screen, Palette)


async def at_all_places(pilot: Piloted, kind: type[Screen[Any]]) -> None:
    """A click, and a drag, on each text of the screen that has been taken away and not yet been laid out anew."""
    await pilot.until(lambda: isinstance(pilot.app.screen, kind), kind.__name__)
    await pilot.pilot.pause()
    shown = pilot.app.screen
    texts = [widget for widget in shown.query("*") if widget.allow_select and widget.region]
    assert texts
    for widget in texts:
        x, y = widget.region.offset
        parent = widget.parent
        assert parent is not None
        for event in (MouseDown, MouseMove, MouseUp):
            widget._detach()
            shown._forward_event(mouse(event, x, y))
            widget._attach(parent)
        assert shown._select_state is None


def mouse(kind: type[MouseEvent], x: int, y: int) -> MouseEvent:
    return kind(None, x, y, 0, 0, button=1, shift=False, meta=False, ctrl=False, screen_x=x, screen_y=y)
