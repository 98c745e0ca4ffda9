"""plotext, kept in one place: it draws on one figure of its module, and must be given finite data and ticks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

import plotext

from gradtop.tui.widgets.axis import Axis

LEAST = (12, 4)  # below, there is nothing but axes


def bars(heights: Sequence[float], ends: tuple[float, float], x: Axis, y: Axis, size: tuple[int, int], *, unicode: bool) -> list[str]:
    """Filled bars of equal width between two `ends`, as lines of text of exactly `size`; [] where there is no room.

    All figures must be finite and the scales linear. A bar of nothing has no ink, the smallest other one has some.
    """
    width, height = size
    if width < LEAST[0] or height < LEAST[1]:
        return []
    if not all(map(math.isfinite, (*heights, *ends, x.low, x.high, y.low, y.high))):
        raise ValueError("a picture takes finite values alone")
    plotext.clear_figure()
    try:
        plotext.theme("clear")
        plotext.limitsize(False, False)  # before the size, which otherwise is cut to the terminal's
        plotext.plotsize(width, height)
        plotext.xaxes(True, False)
        plotext.yaxes(True, False)
        plotext.xlim(x.low, x.high)
        plotext.ylim(y.low, y.high)
        plotext.xticks(*map(list, zip(*x.ticks, strict=True)) if x.ticks else ([], []))
        plotext.yticks(*map(list, zip(*y.ticks, strict=True)) if y.ticks else ([], []))
        for xs, ys in outlines(heights, ends):
            plotext.plot(xs, ys, marker="hd" if unicode else "#", fillx=True)
        text = plotext.uncolorize(plotext.build())
    finally:
        plotext.clear_figure()
    return [line[:width].ljust(width) for line in text.split("\n")[:height]]


def outlines(heights: Sequence[float], ends: tuple[float, float]) -> Iterator[tuple[list[float], list[float]]]:
    """The upper edge of each group of bars that touch."""
    step = (ends[1] - ends[0]) / max(1, len(heights))
    number = 0
    for something, group in groupby(heights, bool):
        xs, ys = [], []
        for value in group:
            xs += [ends[0] + number * step, ends[0] + (number + 1) * step]
            ys += [value, value]
            number += 1
        if something:
            yield xs, ys
