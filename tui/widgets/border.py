"""The title and subtitle in a widget's border."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget

from gradtop.tui.widgets.cells import refresh

BESIDE = 4  # cells that a text in a border takes beside its own


def retitle(pane: Widget, title: str, subtitle: str) -> None:
    """Set what stands in a border where it is another than before, and paint its cells; Textual would paint the whole pane."""
    width, height = pane.content_size
    for name, text in (("_border_title", title), ("_border_subtitle", subtitle)):
        before = str(getattr(pane, name) or "")
        if before != text:
            setattr(pane, name, Content(text))
            cells = min(width, max(cell_len(before), cell_len(text)) + BESIDE)
            refresh(pane, [Region(0, -1, cells, 1) if name == "_border_title" else Region(width - cells, height, cells, 1)])
