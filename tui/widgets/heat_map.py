"""Numbers as a picture: half blocks in colours whose lightness rises with the number, characters where colours are few."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.color import Color
from rich.style import Style
from textual import events
from textual.message import Message

from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.tui.theme import HEAT
from gradtop.tui.widgets.cells import Cells
from gradtop.tui.widgets.drawn import Drawn
from gradtop.tui.widgets.glyphs import draws_unicode
from gradtop.tui.widgets.tones import Tone

STYLES = {"text": Tone("foreground"), "muted": Tone("muted"), "error": Tone("error", bold=True), "mark": Tone("line-b", bold=True)}
TONE = {name: index for index, name in enumerate(STYLES)}
LEVELS = len(HEAT)
GROUND, BAD = LEVELS, LEVELS + 1  # what stands in a pixel beside a level
FEW, ASCII = "·░▒▓█", ".:-=+*#%@"
LARGEST = 12  # pixels in a row for one number


class Heat(NamedTuple):
    """Tiles of `height` × `width` numbers over one scale from `low` to `high`, numbered from `first` on; NaN is drawn as a cross.

    The tile `chosen`, by its place, is drawn large beside the others; without one there is a single tile. `words` stand below.
    """

    tiles: tuple[tuple[float, ...], ...]
    height: int
    width: int
    low: float
    high: float
    chosen: int | None = None
    first: int = 0
    words: str = ""


class Pixels(NamedTuple):
    """A picture of square pixels in levels; `places` has the tiles beside the chosen one: number, left, top, right and bottom."""

    rows: list[list[int]]
    places: list[tuple[int, int, int, int, int]]

    def put(self, x: int, y: int, heat: Heat, tile: Sequence[float], scale: int, levels: int, *, tall: int = 0) -> None:
        """Each number in `scale` pixels across and `tall` down, by default as many."""
        for number, value in enumerate(tile):
            row, column = divmod(number, heat.width)
            level = level_of(value, heat.low, heat.high, levels)
            for line in self.rows[y + row * (tall or scale) : y + (row + 1) * (tall or scale)]:
                start = x + column * scale
                line[start : start + scale] = [level] * max(0, min(scale, len(line) - start))


class HeatMap(Drawn):
    """Shows one `Heat`, or a sentence."""

    class TileClicked(Message):
        """A tile beside the one that is chosen, `step` tiles after it."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    DEFAULT_CSS = "HeatMap { width: 1fr; height: 1fr; }"
    PALETTE: ClassVar[tuple[Tone, ...]] = tuple(STYLES.values())

    def __init__(self, *, id: str, colours: bool) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._colours = colours
        self._heat: Heat | None = None
        self._sentence = ""
        self.places: list[tuple[int, int, int, int, int]] = []

    def on_click(self, event: events.Click) -> None:
        """Only on a tile; the first of its rows where a character has two."""
        chosen = self._heat.chosen if self._heat is not None else None
        if chosen is None:
            return
        x, y = (event.x, 2 * event.y) if self.is_coloured else (event.x // 2, event.y)
        for number, left, top, right, bottom in self.places:
            if left <= x < right and top <= y < bottom:
                self.post_message(self.TileClicked(number - chosen))

    def show(self, heat: Heat | None, sentence: str = "") -> None:
        """Show this picture, or where there is none the sentence."""
        if heat != self._heat or sentence != self._sentence:
            self._heat, self._sentence = heat, sentence
            self._draw()

    @property
    def is_coloured(self) -> bool:
        return self._colours and draws_unicode(self)

    def pixels(self, width: int, height: int) -> tuple[int, int]:
        """How many pixels, across and down, a widget of this size has above its last line."""
        return (width, 2 * (height - 1)) if self.is_coloured else (width // 2, height - 1)

    def _lay_out(self, width: int, height: int) -> list[Cells]:
        rows = [Cells(width) for _ in range(height)]
        self.places = []
        if self._heat is None:
            for row, line in zip(rows[min(1, height - 1) :], wrapped(self._sentence, width - 2), strict=False):
                row.put(1, line, TONE["muted"])
            return rows
        ramp = "" if self.is_coloured else FEW if draws_unicode(self) else ASCII
        across, down = self.pixels(width, height)
        picture = Pixels([[GROUND] * across for _ in range(down)], [])
        marks, shown = arranged(picture, self._heat, len(ramp) or LEVELS)
        self.places = picture.places
        self._paint(rows, picture, ramp)
        for x, y, sign in marks:
            place = (x, y // 2) if self.is_coloured else (2 * x, y)
            if 0 <= place[0] < width:
                rows[place[1]].put(place[0], sign, TONE["mark"])
        self._legend(rows[-1], self._heat, ramp, shown)
        return rows

    def _paint(self, rows: list[Cells], picture: Pixels, ramp: str) -> None:
        if ramp:
            cross = "x" if ramp == ASCII else "×"
            for row, line in zip(rows, picture.rows, strict=False):
                for x, level in enumerate(line):
                    if level != GROUND:
                        row.put(2 * x, 2 * (cross if level == BAD else ramp[level]), TONE["error" if level == BAD else "text"])
            return
        for row, upper, lower in zip(rows, picture.rows[::2], picture.rows[1::2], strict=False):
            for x, (top, bottom) in enumerate(zip(upper, lower, strict=True)):
                if BAD in (top, bottom):
                    row.put(x, "×", TONE["error"])
                elif top != GROUND or bottom != GROUND:
                    row.put(x, "▀", half(top, bottom))

    def _legend(self, row: Cells, heat: Heat, ramp: str, shown: str) -> None:
        x = row.put(1, f"{significant(heat.low)} ", TONE["text"])
        for level in range(len(ramp) or LEVELS):
            x = row.put(x, ramp[level] if ramp else "█", TONE["text"] if ramp else half(level, level))
        x = row.put(x, f" {significant(heat.high)}", TONE["text"])
        for words in (heat.words, shown):
            if words and x + 3 + cell_len(words) <= len(row.text):
                x = row.put(x + 3, words, TONE["muted"])

    def _make_styles(self) -> tuple[Style, ...]:
        styles = super()._make_styles()
        if not self.is_coloured:
            return styles
        ground = styles[0].bgcolor
        colours = [*map(Color.parse, HEAT), ground]
        return (*styles, *(Style(color=top, bgcolor=bottom) for top in colours for bottom in colours))


def half(top: int, bottom: int) -> int:
    """The tone of an upper half block over another level."""
    return len(STYLES) + top * (LEVELS + 1) + bottom


def level_of(value: float, low: float, high: float, levels: int) -> int:
    """Of so many levels; the lowest where the range has no width, or one beyond all numbers."""
    if not math.isfinite(value):
        return BAD
    if not high > low or not math.isfinite(high - low):
        return 0
    return max(0, min(levels - 1, math.floor((value - low) / (high - low) * levels)))


def arranged(picture: Pixels, heat: Heat, levels: int) -> tuple[list[tuple[int, int, str]], str]:
    """Put the tiles into the picture; signs beside the one that is chosen, and which of the others there is room for, in words."""
    down, across = len(picture.rows), len(picture.rows[0]) if picture.rows else 0
    if not across or not down:
        return [], ""
    if heat.chosen is None:
        wide, tall = (max(1, min(LARGEST, most // size)) for most, size in ((across, heat.width), (down, heat.height)))
        picture.put(max(0, min(1, across - wide * heat.width)), 0, heat, heat.tiles[0], wide, levels, tall=tall)
        return [], ""
    large = max(1, min(LARGEST, (across // 2 - 1) // heat.width, down // heat.height))
    picture.put(1, 0, heat, heat.tiles[heat.chosen], large, levels)
    left = large * heat.width + 3
    fits = [s for s in range(LARGEST // 3, 0, -1) if room(across - left, down, heat, s)[0] * room(across - left, down, heat, s)[1] >= len(heat.tiles)]
    scale = fits[0] if fits else 1
    columns, lines = room(across - left, down, heat, scale)
    if columns < 1 or lines < 1:
        return [], ""
    start = 0
    if columns * lines < len(heat.tiles):
        last = -(-len(heat.tiles) // columns) - lines
        start = columns * max(0, min(last, heat.chosen // columns - lines // 2))
    marks: list[tuple[int, int, str]] = []
    shown = heat.tiles[start : start + columns * lines]
    high, wide = steps(heat, scale)
    for number, tile in enumerate(shown):
        x, y = left + 1 + number % columns * wide, number // columns * high
        picture.put(x, y, heat, tile, scale, levels)
        picture.places.append((start + number, x, y, x + heat.width * scale, y + heat.height * scale))
        if start + number == heat.chosen:
            marks = [(x - 1, y, "▸"), (x + heat.width * scale, y, "◂")]
    first = heat.first + start
    return marks, f"{first}–{first + len(shown) - 1} shown" if len(shown) < len(heat.tiles) or heat.first else ""


def steps(heat: Heat, scale: int) -> tuple[int, int]:
    """Pixels from one tile to the next, down and across; an even number down, as two rows of pixels are one of characters."""
    return (heat.height * scale + 2) // 2 * 2, heat.width * scale + 1


def room(across: int, down: int, heat: Heat, scale: int) -> tuple[int, int]:
    """How many tiles fit beside and below each other, with a gap around each."""
    high, wide = steps(heat, scale)
    return max(0, (across - 1) // wide), max(0, (down + high - heat.height * scale) // high)


def wrapped(sentence: str, width: int) -> list[str]:
    from textwrap import wrap

    return wrap(sentence, max(8, width))
