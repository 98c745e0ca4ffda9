"""A line of buttons for what can be done now; drawn, so that one that comes or goes moves nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.strip import Strip
from textual.widget import Widget

GAP = 1


class Actions(Widget):
    """Shows (words, action) pairs, one of them as the main one; a click runs the action on the screen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"actions--main", "actions--other"}
    DEFAULT_CSS = """
    Actions {
        height: 1; width: 1fr; background: $background;
        & > .actions--main { color: $primary; background: $background; text-style: reverse; }
        & > .actions--other { color: $foreground; background: $panel; }
        &:ansi > .actions--other { text-style: underline; }
    }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._main = ""
        self._actions: Sequence[tuple[str, str]] = ()

    def show(self, actions: Sequence[tuple[str, str]], *, main: str) -> None:
        if (actions, main) != (self._actions, self._main):
            self._actions, self._main = actions, main
            self.refresh()

    def spans(self) -> list[tuple[int, int, str]]:
        """Where each button stands: first cell, cell after the last, its action."""
        found, x = [], 0
        for words, action in self._actions:
            if x + len(words) + 2 > self.size.width:
                break  # the key bar has it too
            found.append((x, x + len(words) + 2, action))
            x += len(words) + 2 + GAP
        return found

    def on_click(self, event: events.Click) -> None:
        for start, end, action in self.spans():
            if start <= event.x < end:
                self.app.call_later(self.app.run_action, action, self.screen)

    def render_line(self, y: int) -> Strip:
        if y:
            return Strip.blank(self.size.width, self.rich_style)
        segments = []
        for words, action in self._actions[: len(self.spans())]:
            tone = "main" if action == self._main else "other"
            segments += [Segment(f" {words} ", self.get_component_rich_style(f"actions--{tone}")), Segment(" " * GAP, self.rich_style)]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)
