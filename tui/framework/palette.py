"""The command palette."""

from __future__ import annotations

from typing import Any

from textual.command import CommandList, CommandPalette, Hit, Hits
from textual.events import Mount
from textual.system_commands import SystemCommandsProvider

import gradtop.tui.widgets.options  # noqa: F401 - it mends Textual's list of options, of which the palette has one
from gradtop.tui.framework.pointing import Pointing


class Commands(SystemCommandsProvider):
    """Found by their names, as Textual's own does, and after these by words of what they do: who looks for kernels does not know that Weights shows them."""

    async def search(self, query: str) -> Hits:
        matcher, words = self.matcher(query), query.casefold().split()
        for name, told, callback, *_ in self.app.get_system_commands(self.screen):
            if (match := matcher.match(name)) > 0:
                yield Hit(1 + match, matcher.highlight(name), callback, help=told)
            elif words and told is not None and all(word in told.casefold() for word in words):
                # In the order of the table of keys, whose modes are first.
                yield Hit(1.0, name, callback, help=told)


class Palette(CommandPalette, Pointing[None]):
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
