"""A few lines of toned text that repaint only the cells that changed: the header, findings, events, read-outs."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from gradtop.tui.format import ellipsis
from gradtop.tui.widgets.cells import Cells, repaint
from gradtop.tui.widgets.chart_styles import LINES
from gradtop.tui.widgets.columns import Piece
from gradtop.tui.widgets.tones import Tone, tone_styles

TONES = ("text", "strong", "muted", "faint", "primary", "success", "warning", "error", "key", "selected", *(f"line-{style}" for style in LINES))
NAMED = {
    "text": Tone("foreground"),
    "strong": Tone("foreground", bold=True),
    "key": Tone("primary", bold=True),
    "selected": Tone("foreground", reverse=True),
}
STYLES = tuple(NAMED.get(tone) or Tone(tone) for tone in TONES)
TextLine = Sequence[Piece]


class Lines(Widget):
    """Shows lines of pieces, cut at its edges with …; never parses them as markup."""

    DEFAULT_CSS = "Lines { width: 1fr; height: 1fr; color: $foreground; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id, classes=classes)
        self._lines: Sequence[TextLine] = ()
        self._rows: list[Cells] = []
        self._styles: tuple[Style, ...] = ()

    def show(self, lines: Sequence[TextLine]) -> None:
        """Show these lines; what stays the same is not painted again."""
        self._lines = lines
        self._draw()

    def lines(self, width: int, height: int) -> Sequence[TextLine]:  # noqa: ARG002 - for subclasses
        """The lines for a size; where they depend on it, a subclass composes them here."""
        return self._lines

    def on_resize(self) -> None:
        self._draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = ()

    def _draw(self) -> None:
        width, height = self.size
        if not width:
            return
        rows: list[Cells] = []
        for line in self.lines(width, height)[:height]:
            row, x = Cells(width), 0
            for text, tone in line:
                whole = x + len(text.rstrip()) <= width
                x = row.put(x, text if whole else ellipsis(text, width - x), TONES.index(tone))
            rows.append(row)
        old, self._rows = self._rows, rows
        most, blank = max(len(old), len(rows)), Cells(width)
        repaint(self, *([*each, *[blank] * (most - len(each))] for each in (old, rows)))

    def render_line(self, y: int) -> Strip:
        if not self._styles:
            self._styles = tone_styles(self, STYLES)
        if y >= len(self._rows):
            return Strip.blank(self.size.width, self.rich_style)
        return self._rows[y].strip(self._styles)


def wrapped(line: TextLine, width: int) -> list[TextLine]:
    """The last piece of a line over as many as it takes."""
    *before, (words, tone) = line
    indent = sum(len(text) for text, _ in before)
    parts = wrap(words, max(width - indent - 1, 20)) or [""]
    return [[*before, (parts[0], tone)], *([(" " * indent + part, tone)] for part in parts[1:])]
