"""The heat map of a pair: the mean with each combination of two fields, in figures, and in colours or shades."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.color import Color
from rich.style import Style

from gradtop.trainer.analysis.formatting import setting_text, significant
from gradtop.trainer.jobs.sensitivity.outcome import PairGrid
from gradtop.trainer.metrics import Monitored
from gradtop.trainer.trials.space import Value
from gradtop.tui.format import ellipsis
from gradtop.tui.screens.sensitivity.data import best_combination
from gradtop.tui.theme import HEAT
from gradtop.tui.widgets.cells import Cells
from gradtop.tui.widgets.chart_styles import BEST
from gradtop.tui.widgets.drawn import Drawn
from gradtop.tui.widgets.heat_map import BAD, FEW, LEVELS, level_of
from gradtop.tui.widgets.tones import Tone

STYLES = {"text": Tone("foreground"), "muted": Tone("muted"), "error": Tone("error", bold=True), "strong": Tone("foreground", bold=True)}
TONE = {name: index for index, name in enumerate(STYLES)}
LABEL = 12  # of a row
GAP, MOST_CELL = 1, 14
FAILED, SOME, BASE = "×", "!", "○"
BRIGHT = LEVELS // 2  # from this level on the figures are dark


def cell_words(grid: PairGrid, row: int, column: int, *, best: bool, base: bool) -> str:
    """The mean, and what there is to say of it."""
    mean, failed = grid.means[row][column], grid.failed[row][column]
    if not math.isfinite(mean):
        return FAILED if failed else "–"
    return f"{significant(mean)}{SOME if failed else ''}{f' {BEST}' if best else f' {BASE}' if base else ''}"


class PairMap(Drawn):
    """Shows one grid; without 256 colours a shade stands before each figure."""

    DEFAULT_CSS = "PairMap { width: 1fr; height: 1fr; }"
    PALETTE = tuple(STYLES.values())

    def __init__(self, *, id: str, colours: bool) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._colours = colours
        self._grid: PairGrid | None = None
        self._metric = Monitored("loss", "min")
        self._base: tuple[Value, Value] = ("", "")

    def show(self, grid: PairGrid | None, metric: Monitored, base: tuple[Value, Value]) -> None:
        if (grid, metric, base) != (self._grid, self._metric, self._base):
            self._grid, self._metric, self._base = grid, metric, base
            self._draw()

    def _lay_out(self, width: int, height: int) -> list[Cells]:
        rows = [Cells(width) for _ in range(height)]
        if self._grid is not None:
            draw_map(rows, self._grid, self._metric, self._base, coloured=self._colours)
        return rows

    def _make_styles(self) -> tuple[Style, ...]:
        dark, light = Color.parse(HEAT[0]), Color.parse("#ffffff")
        cells = (Style(color=dark if level >= BRIGHT else light, bgcolor=Color.parse(colour)) for level, colour in enumerate(HEAT))
        return (*super()._make_styles(), *cells)


def draw_map(rows: Sequence[Cells], grid: PairGrid, metric: Monitored, base: tuple[Value, Value], *, coloured: bool) -> None:
    """A line of the second field's values, a line for each of the first, and what the signs mean."""
    width, room = len(rows[0].text), len(rows) - 2
    best = best_combination(grid, metric)
    known = [mean for means in grid.means for mean in means if math.isfinite(mean)]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    ramp = len(HEAT) if coloured else len(FEW)
    own = (grid.rows.index(base[0]) if base[0] in grid.rows else -1, grid.columns.index(base[1]) if base[1] in grid.columns else -1)
    words = [[cell_words(grid, row, column, best=(row, column) == best, base=(row, column) == own) for column in range(len(grid.columns))] for row in range(len(grid.rows))]
    heads = [setting_text(value) for value in grid.columns]
    figures = min(max(len(each) for each in [*heads, *(word for line in words for word in line)]) + 2 + (0 if coloured else 2), MOST_CELL)
    across = width - LABEL - 3
    fits = len(grid.columns) * (figures + GAP) <= across
    cell = figures if fits else max(min(across // len(grid.columns) - GAP, figures), 1)
    shown = min(len(grid.columns), max(across // (cell + GAP), 1))
    rows[0].put(1, ellipsis(grid.first.rpartition(".")[2], LABEL), TONE["muted"])
    for column in range(shown):
        rows[0].put(LABEL + 2 + column * (cell + GAP), f"{ellipsis(heads[column], cell):^{cell}}", TONE["muted"])
    for row in range(min(len(grid.rows), room)):
        rows[row + 1].put(1, f"{ellipsis(setting_text(grid.rows[row]), LABEL - 1):>{LABEL - 1}}", TONE["muted"])
        for column in range(shown):
            level = level_of(grid.means[row][column], low, high, ramp)
            word = words[row][column] if fits else "".join(sign for sign in words[row][column] if sign in f"{FAILED}{SOME}{BEST}{BASE}–")[-cell:]
            x = LABEL + 2 + column * (cell + GAP)
            if level == BAD:
                rows[row + 1].put(x, f"{word:^{cell}}", TONE["error" if grid.failed[row][column] else "muted"])
            elif coloured:
                rows[row + 1].put(x, f"{word:^{cell}}", len(STYLES) + level)
            else:
                rows[row + 1].put(x, f"{FEW[level] * min(2 if fits else cell, cell)}{word:^{max(cell - 2, 0)}}"[:cell], TONE["strong" if (row, column) == best else "text"])
    hidden = len(grid.rows) - min(len(grid.rows), room) + len(grid.columns) - shown
    scale = f"{significant(low)} … {significant(high)}" if known else "nothing measured yet"
    legend = f"{metric.title} {scale}{'' if coloured else f'  ({FEW})'}   {BEST} best   {BASE} base   {FAILED} failed   {SOME} some failed" + (f"   {hidden} rows or columns do not fit" if hidden else "")
    rows[-1].put(1, ellipsis(legend, width - 2), TONE["muted"])
