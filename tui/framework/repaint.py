"""What is sent to the terminal for a frame: the changed cells alone. Over ssh each byte counts."""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate


class Repaint(ChopsUpdate):
    """Textual's partial update, cut at both ends of each span: its own (8.2) begins at the left edge of the widget."""

    @classmethod
    def of(cls, update: ChopsUpdate) -> Repaint:
        return cls(update.chops, update.spans, update.chop_ends)

    def render_segments(self, console: Console) -> str:
        """The escape sequences."""
        written: list[str] = []
        for y, first, last in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x >= last or end <= first:
                    continue
                start = max(x, first)
                written += (Control.move_to(start, y).segment.text, strip.crop(start - x, min(end, last) - x).render(console))
        return "".join(written)
