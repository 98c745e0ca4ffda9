"""A few lines of toned text that repaint only the cells that changed: the header, findings, events, read-outs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.cells import Cells, spans

TONES = ("text", "strong", "muted", "faint", "primary", "success", "warning", "error", "key")
Piece = tuple[str, str]  # text, tone
Line = Sequence[Piece]


class Lines(Widget):
    """Shows lines of pieces, cut at its edges; never parses them as markup."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lines--{tone}" for tone in TONES}
    DEFAULT_CSS = """
    Lines {
        width: 1fr; height: 1fr; color: $foreground;
        & > .lines--text { color: $foreground; }
        & > .lines--strong { color: $foreground; text-style: bold; }
        & > .lines--muted { color: $muted; }
        & > .lines--faint { color: $faint; }
        & > .lines--primary { color: $primary; }
        & > .lines--success { color: $success; }
        & > .lines--warning { color: $warning; }
        & > .lines--error { color: $error; }
        & > .lines--key { color: $primary; text-style: bold; }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id, classes=classes)
        self._lines: Sequence[Line] = ()
        self._rows: list[Cells] = []
        self._styles: list[Style] = []

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines; what stays the same is not painted again."""
        self._lines = lines
        self._draw()

    def lines(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - for subclasses
        """The lines for a size; where they depend on it, a subclass composes them here."""
        return self._lines

    def on_resize(self) -> None:
        self._draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = []

    def _draw(self) -> None:
        width, height = self.size
        if not width:
            return
        rows: list[Cells] = []
        for line in self.lines(width, height)[:height]:
            row, x = Cells(width), 0
            for text, tone in line:
                x = row.put(x, text, TONES.index(tone))
            rows.append(row)
        old, blank = self._rows, Cells(width)
        self._rows = rows
        if any(len(row.text) != width for row in old):
            self.refresh()
            return
        for y in range(max(len(old), len(rows))):
            before, after = (each[y] if y < len(each) else blank for each in (old, rows))
            for start, end in spans(before, after):
                self.refresh(Region(start, y, end - start, 1))

    def render_line(self, y: int) -> Strip:
        if not self._styles:
            self._styles = [self.get_component_rich_style(f"lines--{tone}") for tone in TONES]
        if y >= len(self._rows):
            return Strip.blank(self.size.width, self.rich_style)
        return self._rows[y].strip(self._styles)
