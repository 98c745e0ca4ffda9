"""A widget of cells that are laid out on new data or in another size, and never while it is hidden."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from gradtop.tui.widgets.cells import Cells, repaint
from gradtop.tui.widgets.tones import Tone, tone_styles


class Drawn(Widget):
    """Lays out its rows in `_lay_out` whenever `_draw` is called, and repaints the cells that are other ones than before."""

    PALETTE: ClassVar[tuple[Tone, ...]] = ()  # of the cells, by their numbers

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(name=name, id=id, classes=classes)
        self._rows: list[Cells] = []
        self._strips: dict[int, Strip] = {}
        self._styles: tuple[Style, ...] = ()
        self._hidden = self._stale = False

    def _lay_out(self, width: int, height: int) -> list[Cells]:
        """The whole picture, in a size that has at least one cell."""
        raise NotImplementedError

    def _draw(self) -> None:
        width, height = self.size
        if self._hidden or not width or not height:
            self._stale = True
            return
        self._stale = False
        old, self._rows = self._rows, self._lay_out(width, height)
        self._strips = {y: strip for y, strip in self._strips.items() if y < len(self._rows) and old[y] == self._rows[y]}
        repaint(self, old, self._rows)

    def render_line(self, y: int) -> Strip:
        if y not in self._strips:
            if y >= len(self._rows):
                return Strip.blank(self.size.width, self.rich_style)
            self._styles = self._styles or self._make_styles()
            self._strips[y] = self._rows[y].strip(self._styles)
        return self._strips[y]

    def _make_styles(self) -> tuple[Style, ...]:
        """The styles of the tones of its cells, by their numbers."""
        return tone_styles(self, self.PALETTE)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = ()
        self._strips.clear()

    def on_resize(self) -> None:
        self._draw()

    def on_hide(self) -> None:
        self._hidden = True

    def on_show(self) -> None:
        self._hidden = False
        if self._stale:
            self._draw()
