"""What is drawn where a terminal has nothing but ASCII."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter
from textual.widget import Widget

from gradtop.tui.ascii import to_ascii


class AsciiFilter(LineFilter):
    """Draws every widget of an app in ASCII; an app adds it to what `get_line_filters` returns."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - as Textual calls it
        return [Segment(to_ascii(text), style, control) for text, style, control in segments]


def draws_unicode(widget: Widget) -> bool:
    """Whether the app's terminal has more than ASCII: the app's `unicode`, True where it has none."""
    return bool(getattr(widget.app, "unicode", True))
