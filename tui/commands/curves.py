"""Curves drawn with plotext, which gets finite, decimated values alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tui.commands.mistake import Mistake

if TYPE_CHECKING:
    from trainer.record import RunReader, Series, StreamReader

STREAMS = ("steps", "evals", "layers", "system")
RENAMED = {("evals", "loss"): "val_loss", ("evals", "epoch"): ""}
COLOURS = ("cyan", "orange")
DIM = "gray"
FRAME = str.maketrans("┌┐└┘├┤┬┴┼─│·", "+++++++++-|.")


@dataclass(frozen=True)
class Metric:
    """One column of one stream; `unit` is "" where the value is a plain number."""

    name: str
    stream: StreamReader
    column: str
    unit: str


def all_metrics(reader: RunReader) -> dict[str, Metric]:
    """What the run has recorded, by name."""
    found = {}
    for name in STREAMS:
        stream = reader.stream(name)
        stream.refresh()
        for column in stream.columns if stream.count else ():
            metric = RENAMED.get((name, column.name), column.name)
            if metric:
                found[metric] = Metric(metric, stream, column.name, column.unit)
    return found


def find_metric(reader: RunReader, name: str) -> Metric:
    """Raises Mistake with the nearest name there is."""
    there = all_metrics(reader)
    if name in there:
        return there[name]
    import difflib

    near = difflib.get_close_matches(name, there, n=3, cutoff=0.4)
    short = [each for each in there if "/" not in each]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(short)}" if short else "there is nothing yet"
    raise Mistake(f"the run has recorded no {name}; {hint}")


def draw(
    title: str,
    metrics: Sequence[Metric],
    width: int,
    height: int,
    *,
    first: float | None = None,
    last: float | None = None,
    log: bool = False,
    colours: bool = False,
    unicode: bool = True,
) -> str:
    """One chart of these metrics, as lines of text."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(width, height)
    names = " and ".join(f"{metric.name}{f' [{metric.unit}]' if metric.unit else ''}" for metric in metrics)
    series = [metric.stream.series(metric.column, bins=max(10, 2 * (width - 12)), first=first, last=last) for metric in metrics]
    log = log and all(value > 0 for each in series for value in each.low if math.isfinite(value))
    drawn = 0
    for number, each in enumerate(series):
        drawn += add(plotext, each, COLOURS[number % 2] if colours else None, DIM if colours else None, unicode=unicode, log=log, first=not number)
    lines = [f"{title}  {names}{' (log)' if log else ''}"]
    if not drawn:
        return f"{lines[0]}\nno finite value in this range"
    if log:
        label_decades(plotext, series)
    picture = plotext.build()
    if not unicode:
        picture = picture.translate(FRAME).encode("ascii", "replace").decode()
    lines += [line.rstrip() for line in picture.rstrip().splitlines()]
    lines += [f"{values_of(each)}  {metric.name}" for metric, each in zip(metrics, series, strict=True)]
    return "\n".join(lines)


def add(plotext: Any, series: Series, colour: str | None, dim: str | None, *, unicode: bool, log: bool, first: bool) -> int:
    """Draw one series: dots where its lowest and highest values lie, a line through the means; returns how many points."""
    scale = math.log10 if log else float
    line = ("braille" if first else "dot") if unicode else ("*" if first else "o")
    spread = [
        (x, scale(value))
        for x, low, mean, high in zip(series.x, series.low, series.mean, series.high, strict=True)
        for value in (low, high)
        if math.isfinite(low) and math.isfinite(high) and high - low > 1e-3 * abs(mean)
    ]
    if spread:
        plotext.scatter([x for x, _ in spread], [y for _, y in spread], marker="·" if unicode else ".", color=dim)
    number = 0
    for piece in pieces(series):
        xs, ys = [x for x, _ in piece], [scale(y) for _, y in piece]
        (plotext.plot if len(piece) > 1 else plotext.scatter)(xs, ys, marker=line, color=colour)
        number += len(piece)
    return number


def pieces(series: Series) -> Iterator[list[tuple[float, float]]]:
    """The runs of finite means between the gaps; a gap is a bin whose values were not finite."""
    piece: list[tuple[float, float]] = []
    for x, mean, bad in zip(series.x, series.mean, series.nonfinite, strict=True):
        if math.isfinite(mean):
            piece.append((x, mean))
        elif bad and piece:
            yield piece
            piece = []
    if piece:
        yield piece


def label_decades(plotext: Any, series: Sequence[Series]) -> None:
    values = [value for each in series for value in (*each.low, *each.high) if math.isfinite(value)]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    decades = range(low, high + 1, max(1, (high - low) // 6))
    plotext.yticks(list(decades), [f"1e{decade}" for decade in decades])


def values_of(series: Series) -> str:
    """The last and the extreme values, and how many were not finite."""
    from tui.format import significant

    means = [value for value in series.mean if math.isfinite(value)]
    low = min(value for value in series.low if math.isfinite(value)) if means else math.nan
    high = max(value for value in series.high if math.isfinite(value)) if means else math.nan
    bad = sum(series.nonfinite)
    text = f"last {significant(means[-1] if means else math.nan)}  min {significant(low)}  max {significant(high)}"
    return f"{text}  {bad} not finite" if bad else text
