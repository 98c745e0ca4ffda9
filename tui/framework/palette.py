"""The command palette."""

from __future__ import annotations

from typing import Any

from textual.command import CommandList, CommandPalette
from textual.events import Mount

import gradtop.tui.widgets.options  # noqa: F401 - it mends Textual's list of options, of which the palette has one


class Palette(CommandPalette):
    """Textual's own (8.2) fails where it is closed before it is mounted, or while it looks for commands: its parts are gone, and what asks for them comes."""

    def query_one(self, selector: Any, expect_type: Any = None) -> Any:
        # The search for what was typed last begins, or finds nothing, after the end: what it fills then nobody sees.
        if selector is CommandList and not self.query(CommandList):
            return CommandList()
        return super().query_one(selector, expect_type)

    def _on_mount(self, event: Mount) -> None:
        if self not in self.app.screen_stack:
            event.prevent_default()

    def _watch__list_visible(self) -> None:
        if self.query(CommandList):
            super()._watch__list_visible()

    async def _watch__show_busy(self) -> None:
        if self.query(CommandList):
            await super()._watch__show_busy()
