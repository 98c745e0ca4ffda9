"""Curves drawn with plotext, which gets finite, decimated values between 0 and 1 alone, and our ticks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.output import figure
from gradtop.tui.plotting import (
    ASCII,
    DIM,
    FRAME,
    UNICODE,
    WARNING,
    Marks,
    built,
    colour_of,
    frame,
    line,
    sample,
    scatter,
)
from gradtop.tui.widgets import axis as scale
from gradtop.tui.widgets.axis import Axis

if TYPE_CHECKING:
    from gradtop.trainer.record import Series
    from gradtop.tui.reading.metrics import RecordedMetric

WORTH_DRAWING = 1e-3  # a spread smaller than this share of the mean is no spread


def find_metric(there: Mapping[str, RecordedMetric], name: str) -> RecordedMetric:
    """Raises UsageError with the nearest name there is."""
    if name in there:
        return there[name]
    import difflib

    from gradtop.tui.reading.metrics import measured

    near = difflib.get_close_matches(name, there, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(measured(there) or there)}"
    raise UsageError(f"the run has recorded no {name}; {hint}")


def draw(
    title: str,
    metrics: Sequence[RecordedMetric],
    width: int,
    height: int,
    *,
    first: float | None = None,
    last: float | None = None,
    log: bool = False,
    colours: bool = False,
    unicode: bool = True,
) -> str:
    """One chart of one or two metrics over the same steps, as lines of text; without colours it holds no escape sequence."""
    import plotext

    from gradtop.trainer.record import clean

    found = [metric.stream.series(metric.column, bins=2 * width, first=first, last=last) for metric in metrics]
    marks = UNICODE if unicode else ASCII
    lows, highs = ([v for each in found for v in getattr(each, end) if math.isfinite(v)] for end in ("low", "high"))
    log = log and bool(lows) and min(lows) > 0
    lines = [f"{title}  {' and '.join(metric.title for metric in metrics)}{', logarithmic' if log else ''}"]
    if not lows:
        reasons = [reason for metric in metrics if (reason := metric.stream.unavailable(metric.column))]
        nothing = f"not measured: {clean(reasons[0], 200)}" if reasons else "nothing recorded in this range"
        lines.append("no finite value in this range" if any(len(each.x) for each in found) else nothing)
        return "\n".join(lines)
    up = (scale.logarithmic if log else scale.linear)(min(lows), max(highs), max(2, (height - FRAME) // 2))
    steps = [x for each in found for x in (*each.x[:1], *each.x_last[-1:])]
    along = scale.along(min(steps), max(steps), width - up.label_width - FRAME)

    frame(plotext, along, up, width, height)
    for number, each in enumerate(found):
        add(plotext, each, along, up, marks, number, colour_of(number) if colours else None)
    lines += built(plotext, colours=colours, unicode=unicode)
    for number, (metric, each) in enumerate(zip(metrics, found, strict=True)):
        newest = metric.stream.last_finite(metric.column) if last is None else None
        lines.append(f"{sample(plotext, marks, number, colours=colours)} {metric.name}  {values_of(each, newest and newest[1])}")
    return "\n".join(lines)


def add(plotext: Any, series: Series, along: Axis, up: Axis, marks: Marks, number: int, colour: str | None) -> None:
    """Draw one series: dots where its lowest and highest values lie, a line through the means, a mark where a value was lost."""
    spread = [
        (along.at(x), up.at(value))
        for x, low, mean, high in zip(series.x, series.low, series.mean, series.high, strict=True)
        for value in (low, high)
        if high - low > WORTH_DRAWING * abs(mean)
    ]
    scatter(plotext, spread, marks.spread, colour and DIM)
    for piece in pieces(series):
        points = [(along.at(x), up.at(mean)) for x, mean in piece]
        (line if len(points) > 1 else scatter)(plotext, points, marks.lines[number % len(marks.lines)], colour)
    lost = [(along.at(x), 0.0) for x, bad in zip(series.x, series.nonfinite, strict=True) if bad]
    scatter(plotext, lost, marks.lost, colour and WARNING)


def pieces(series: Series) -> Iterator[list[tuple[float, float]]]:
    """The stretches of finite means between the gaps; a gap is a bin whose values were not finite."""
    piece: list[tuple[float, float]] = []
    for x, mean, bad in zip(series.x, series.mean, series.nonfinite, strict=True):
        if math.isfinite(mean):
            piece.append((x, mean))
        elif bad and piece:
            yield piece
            piece = []
    if piece:
        yield piece


def values_of(series: Series, newest: float | None) -> str:
    """The newest and the extreme values, and how many were not finite."""
    lows, highs = ([value for value in each if math.isfinite(value)] for each in (series.low, series.high))
    parts = [] if newest is None or not lows else [f"last {figure(newest)}"]
    parts += [f"min {figure(min(lows))}", f"max {figure(max(highs))}"] if lows else []
    bad = sum(series.nonfinite)
    parts += [f"{bad} not finite"] if bad else []
    return "  ".join(parts) or "nothing recorded"
