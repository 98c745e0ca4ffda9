"""What the plots of a search are drawn on: cells with axes, a canvas between them, and where each trial lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gradtop.tui.format import ellipsis
from gradtop.tui.screens.search.scales import Scale
from gradtop.tui.widgets.braille import Canvas, DotColumn, trace
from gradtop.tui.widgets.cells import Cells

TONES = ("text", "muted", "axis", "trial", "best", "chosen", "strong")
TONE = {name: index for index, name in enumerate(TONES)}
LEAST = (12, 3)  # cells between the axes of a plot worth drawing

Spots = Callable[[int], Sequence[tuple[int, int]]]
"""Where the trial of a number lies, in dots from the lower left corner of the canvas; nothing where it does not."""


def nowhere(_number: int) -> Sequence[tuple[int, int]]:
    return ()


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot without a chosen trial, and where each trial lies in it; `joined` where its places are one line."""

    rows: Sequence[Cells]
    left: int = 0
    top: int = 0
    width: int = 0
    height: int = 0
    dots: tuple[int, int] = (2, 4)
    joined: bool = False
    spots: Spots = field(default=nowhere)

    def with_chosen(self, number: int | None) -> list[Cells]:
        """The rows, with this trial on top of all others."""
        rows = list(self.rows)
        places = self.spots(number) if number is not None and self.width else ()
        if places and self.joined:
            canvas = Canvas(self.width, self.height, self.dots)
            canvas.draw(trace(polyline(places), canvas.columns), TONE["chosen"], "@")
            lay(canvas, rows, self.left, self.top, copy=True)
            return rows
        for x, y in places:
            line = self.top + self.height - 1 - y // self.dots[1]
            rows[line] = rows[line].copy()
            rows[line].put(self.left + x // self.dots[0], "◆" if self.dots == (2, 4) else "@", TONE["chosen"])
        return rows


def polyline(places: Sequence[tuple[int, int]]) -> list[DotColumn]:
    return [(x, y, y, y, False) for x, y in places]


def lay(canvas: Canvas, rows: list[Cells], left: int, top: int, *, copy: bool = False) -> None:
    """Put what was drawn onto the cells."""
    for y in range(canvas.height):
        codes, tones = canvas.line(y)
        if not any(codes):
            continue
        if copy:
            rows[top + y] = rows[top + y].copy()
        row = rows[top + y]
        for x, code in enumerate(codes):
            if code:
                row.text[left + x], row.tones[left + x] = chr(code), tones[x]


def explained(width: int, height: int, text: str) -> Plot:
    """In place of a plot: why there is none."""
    from textwrap import wrap

    rows = [Cells(width) for _ in range(height)]
    for row, line in zip(rows[min(1, height - 1) :], wrap(text, max(8, width - 2)), strict=False):
        row.put(1, line, TONE["muted"])
    return Plot(rows)


@dataclass(slots=True)
class Field:
    """A canvas between a vertical and a horizontal axis; its first line is left for words."""

    rows: list[Cells]
    canvas: Canvas
    left: int
    x: Scale
    y: Scale
    dots: tuple[int, int]

    def spot(self, x: object, y: object) -> tuple[int, int] | None:
        across, up = self.x.at(x), self.y.at(y)
        if across is None or up is None:
            return None
        return int(across * (self.canvas.columns - 1) + 0.5), int(up * (self.canvas.rows - 1) + 0.5)

    def scatter(self, xs: Sequence[object], ys: Sequence[object], tone: str, glyph: str) -> None:
        """Dots that leave alone what was drawn before."""
        mask = [0] * self.canvas.columns
        wide, tall = self.canvas.columns - 1, self.canvas.rows - 1
        bits = [1 << row for row in range(tall + 1)]
        for x, y in zip(self.x.places(xs), self.y.places(ys), strict=True):
            if x is not None and y is not None:
                mask[int(x * wide + 0.5)] |= bits[int(y * tall + 0.5)]
        self.canvas.draw(mask, TONE[tone], glyph, under=True)

    def steps(self, points: Sequence[tuple[object, object]], until: object = None) -> None:
        """A line that keeps a value until the next one, as far as `until`."""
        places: list[tuple[int, int]] = []
        for x, y in points:
            if (spot := self.spot(x, y)) is None:
                continue
            if places and spot[0] - places[-1][0] > 1:
                places.append((spot[0] - 1, places[-1][1]))
            if places and places[-1][0] == spot[0]:
                places.pop()
            places.append(spot)
        if places and until is not None and (end := self.spot(until, points[-1][1])) is not None and end[0] > places[-1][0]:
            places.append(end)
        self.canvas.draw(trace(polyline(places), self.canvas.columns), TONE["best"], "*")

    def say(self, words: str, tone: str = "strong") -> None:
        """Words at the right end of the first line."""
        row = self.rows[0]
        shown = ellipsis(words, max(0, len(row.text) - 1))
        row.put(len(row.text) - 1 - len(shown), shown, TONE[tone])

    def finish(self, spots: Spots) -> Plot:
        lay(self.canvas, self.rows, self.left, 1)
        return Plot(self.rows, self.left, 1, self.canvas.width, self.canvas.height, self.dots, spots=spots)


def framed(width: int, height: int, x: Scale, y: Scale, x_name: str, *, unicode: bool) -> Field | None:
    """An empty plot with its axes; None where there is no room."""
    labels = y.ticks()
    left = max((len(label) for _at, label in labels), default=0) + 2
    wide, tall = width - left - 1, height - 2
    if wide < LEAST[0] or tall < LEAST[1]:
        return None
    dots = (2, 4) if unicode else (1, 1)
    rows, canvas = [Cells(width) for _ in range(height)], Canvas(wide, tall, dots)
    for row in rows[1 : 1 + tall]:
        row.put(left - 1, "│" if unicode else "|", TONE["axis"])
    taken = -1
    for at, label in labels:
        line = tall - round(at * (canvas.rows - 1)) // dots[1]
        if line != taken:
            rows[line].put(left - 1 - len(label), label, TONE["muted"])
            rows[line].put(left - 1, "┤" if unicode else "+", TONE["axis"])
        taken = line
    bottom = rows[-1]
    bottom.put(left - 1, ("└" + "─" * wide) if unicode else "+" + "-" * wide, TONE["axis"])
    name = f" {ellipsis(x_name, wide // 2)}"
    end = left + wide - len(name)
    bottom.put(end, name, TONE["muted"])
    free = left
    for at, label in x.ticks():
        start = max(left, left + round(at * (wide - 1)) - len(label) // 2)
        if start >= free and start + len(label) < end:
            bottom.put(start, label, TONE["muted"])
            free = start + len(label) + 1
    return Field(rows, canvas, left, x, y, dots)
