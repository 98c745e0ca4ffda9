"""A list that is filtered by what is typed into a line at its bottom, and scrolled by the mouse wheel."""

from __future__ import annotations

from textual import events
from textual.widget import Widget

from gradtop.tui.widgets.filter_line import FilterLine

WHEEL = 3  # rows


class Filtering(Widget):
    """Takes the keys of the filter in the order in which they come: a binding would act later than a letter typed after it.

    Calls `refilter` when the line was opened, typed into or closed, and `move` for the arrows while somebody types.
    """

    _filters = False  # whether `/` opens the line

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(name=name, id=id, classes=classes)
        self._filter = FilterLine()

    def move(self, rows: int) -> None:
        """Move the cursor by so many rows, as far as there are any."""
        raise NotImplementedError

    def refilter(self, before: str) -> None:
        """Show what matches now; `before` is what was typed until now."""
        raise NotImplementedError

    def scroll_rows(self, rows: int) -> None:
        """Move the view by so many rows, as far as there are any."""
        raise NotImplementedError

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_rows(WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_rows(-WHEEL)

    @property
    def filter(self) -> str:
        return self._filter.text

    def on_key(self, event: events.Key) -> None:
        typing, before = self._filter.edit is not None, self._filter.text
        if not typing and event.key == "slash" and self._filters:
            self._filter.open()
        elif typing and event.key in {"down", "up"}:
            self.move(1 if event.key == "down" else -1)
        elif not self._filter.press(event.key, event.character):
            return
        event.stop()
        event.prevent_default()
        self.refilter(before)

    def on_paste(self, event: events.Paste) -> None:
        if self._filter.edit is not None:
            event.stop()
            before = self._filter.text
            self._filter.paste(event.text)
            self.refilter(before)

    def check_consume_key(self, key: str, character: str | None) -> bool:  # noqa: ARG002 - Textual's signature
        return self._filter.edit is not None and character is not None and character.isprintable()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "filter":
            return self._filters and self._filter.edit is None
        if action == "keep_filter":
            return self._filter.edit is not None
        return self._filter.shown if action == "clear_filter" else super().check_action(action, parameters)

    def action_filter(self) -> None:
        self._filter.open()
        self.refilter(self._filter.text)

    def action_keep_filter(self) -> None:
        self._filter.keep()
        self.refilter(self._filter.text)

    def action_clear_filter(self) -> None:
        before = self._filter.text
        self._filter.clear()
        self.refilter(before)
