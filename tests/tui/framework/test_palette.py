"""The command palette, closed as fast as a hand can."""

from __future__ import annotations

from pathlib import Path

from gradtop.trainer.record import Run
from gradtop.tui.framework.terminal_app import Palette
from tests.tui.piloting import piloted


async def test_a_palette_that_is_closed_while_it_looks_for_commands_fails_nothing(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        for _ in range(3):
            screen.app.action_command_palette()
            palette = screen.app.screen
            assert isinstance(palette, Palette)
            await screen.press("escape")
            assert not isinstance(screen.app.screen, Palette)
            palette._watch__list_visible()  # as Textual does when the search ends
            await palette._watch__show_busy()
        await screen.press("ctrl+p")
        await screen.shows("Search for commands")
