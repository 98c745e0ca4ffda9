"""Screens that are clicked while they change."""

from __future__ import annotations

from textual.geometry import Offset
from textual.screen import Screen, ScreenResultType
from textual.widget import Widget


class Pointing(Screen[ScreenResultType]):
    """Until the next layout a widget that was just taken away stands where it stood; Textual (8.2) begins to select text in it, asks for its parent, and fails.

    Stands behind the kind of screen that a class is of: Textual takes styles and bindings from the first base alone.
    """

    def get_widget_and_offset_at(self, x: int, y: int) -> tuple[Widget | None, Offset | None]:
        widget, offset = super().get_widget_and_offset_at(x, y)
        return (widget, offset) if widget is not None and widget.is_attached else (None, None)
