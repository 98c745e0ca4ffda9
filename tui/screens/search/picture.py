"""The widget of a plot: drawn anew for other trials or another size; the chosen trial is put on top of it."""

from __future__ import annotations

from typing import ClassVar

from gradtop.tui.screens.search.data import SearchRecord
from gradtop.tui.screens.search.field import TONES, Plot
from gradtop.tui.screens.search.plots import PlotView, plot
from gradtop.tui.widgets.cells import Cells
from gradtop.tui.widgets.drawn import Drawn
from gradtop.tui.widgets.glyphs import draws_unicode
from gradtop.tui.widgets.tones import Tone

STYLES = {
    "text": Tone("foreground"), "muted": Tone("muted"), "axis": Tone("border"), "trial": Tone("line-a", 0.6), "best": Tone("line-a"),
    "chosen": Tone("line-b", bold=True), "strong": Tone("foreground", bold=True),
}  # fmt: skip


class TrialPlot(Drawn):
    """Shows one plot of a search."""

    DEFAULT_CSS = "TrialPlot { width: 1fr; height: 1fr; }"
    PALETTE: ClassVar[tuple[Tone, ...]] = tuple(STYLES[tone] for tone in TONES)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._record: SearchRecord | None = None
        self._view = PlotView()
        self._chosen: int | None = None
        self._plot: tuple[SearchRecord, PlotView, tuple[int, int], Plot] | None = None

    def show(self, record: SearchRecord, view: PlotView, chosen: int | None) -> None:
        """Show this plot with a trial marked."""
        if record is not self._record or view != self._view or chosen != self._chosen:
            self._record, self._view, self._chosen = record, view, chosen
            self._draw()

    def choose(self, chosen: int | None) -> None:
        """Mark another trial."""
        if self._record is not None:
            self.show(self._record, self._view, chosen)

    def _lay_out(self, width: int, height: int) -> list[Cells]:
        if self._record is None:
            return [Cells(width) for _ in range(height)]
        known = self._plot
        if known is None or known[0] is not self._record or known[1:3] != (self._view, (width, height)):
            drawn = plot(self._record, self._view, width, height, unicode=draws_unicode(self))
            self._plot = known = (self._record, self._view, (width, height), drawn)
        return known[3].with_chosen(self._chosen)
