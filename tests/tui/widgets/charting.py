"""Charts of a few values, and what is drawn of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gradtop.tui.widgets.chart import Chart, Curve
from gradtop.tui.widgets.chart_renderer import ChartRenderer
from gradtop.tui.widgets.chart_styles import TONE


@dataclass
class Binned:
    x: list[float]
    low: list[float]
    high: list[float]
    mean: list[float]
    nonfinite: list[int]
    finite: list[int]
    x_last: list[float]


def curve(values: list[float], *, x: list[float] | None = None, spikes: dict[int, float] | None = None) -> Binned:
    """One bin a value; what is not finite counts as such and is nan, as a reader gives it; `spikes` raise a bin's highest."""
    finite = [v if math.isfinite(v) else math.nan for v in values]
    highs = finite[:]
    for index, value in (spikes or {}).items():
        highs[index] = value
    places = x if x is not None else [float(i) for i in range(len(values))]
    bad = [0 if math.isfinite(v) else 1 for v in values]
    return Binned(places, finite, highs, finite[:], bad, [1 - each for each in bad], places)


def drawn(picture: ChartRenderer) -> str:
    return "\n".join("".join(row.text) for row in picture.rows)


def picture(*lines: Curve, width: int = 60, height: int = 14, cursor: float | None = None, unicode: bool = True, **chart: object) -> ChartRenderer:
    found = ChartRenderer(unicode=unicode)
    found.cursor = cursor
    found.draw(Chart(lines, **chart), width, height)  # type: ignore[arg-type]
    return found


def dots_of(picture: ChartRenderer, tone: str) -> int:
    """How many dots of braille have a tone."""
    cells = [text for row in picture.rows for text, each in zip(row.text, row.tones, strict=True) if each == TONE[tone] and "⠀" < text <= "⣿"]
    return sum((ord(text) - 0x2800).bit_count() for text in cells)


def rows_with(picture: ChartRenderer, tone: str) -> set[int]:
    return {y for y, row in enumerate(picture.rows) if TONE[tone] in row.tones}
