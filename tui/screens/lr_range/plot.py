"""The curve of a range test as lines of text, for commands."""

from __future__ import annotations

import math

from gradtop.trainer.jobs.lr_range.result import LABELS, ranged_text
from gradtop.trainer.record import RunReader, clean
from gradtop.tui import plotting
from gradtop.tui.screens.lr_range.data import limits_of, range_part
from gradtop.tui.widgets import axis

MARKED = ("V", "S", "O", "M", "L")  # where each suggestion stands, in the order of LABELS


def draw(reader: RunReader, width: int, height: int, *, colours: bool, unicode: bool) -> str:
    """Smoothed loss over the learning rate, or whatever grows, on a logarithmic axis, the suggestions marked on it and listed below."""
    import plotext

    part = range_part(reader)
    points = sorted((x, y) for x, y in zip(part.smoothed.x, part.smoothed.mean, strict=True) if math.isfinite(y) and 0 < x < math.inf)
    title = f"{clean(reader.meta.name or reader.run.id, 80)}  smoothed loss over {part.ranged.over}{f', mean of {len(part.of_seeds)} seeds' if part.of_seeds else ''}"
    limits = limits_of(part.smoothed.mean)
    if not points or limits is None:
        return f"{title}\nnothing to plot: {'the test has ended too early' if part.ended else 'the test has hardly begun'}"
    up = axis.linear(*limits, max(2, (height - plotting.FRAME) // 2))
    along = axis.logarithmic(points[0][0], points[-1][0], max(2, (width - up.label_width) // 10))
    plotting.frame(plotext, along, up, width, height)
    marks = plotting.UNICODE if unicode else plotting.ASCII
    plotting.line(plotext, [(along.at(x), up.at(y)) for x, y in points], marks.lines[0], plotting.COLOURS[0] if colours else None)
    lines = []
    for marker, (method, label) in zip(MARKED, LABELS.items(), strict=True):
        if (value := part.found.get(method)) is not None:
            place = part.ranged.place(value)
            height_there = min(points, key=lambda point: abs(math.log(point[0] / place)))[1]
            plotting.scatter(plotext, [(along.at(place), up.at(height_there))], marker, plotting.COLOURS[1] if colours else None)
            low, high = part.spread.get(method, (value, value))
            lines.append(f"{marker}  {label:<12}{ranged_text(value)}{f'   {ranged_text(low)} to {ranged_text(high)}' if part.of_seeds else ''}")
    text = "\n".join(plotting.built(plotext, colours=colours, unicode=unicode))
    if part.diverged_at is not None:
        lines.append(f"The loss diverged at {part.ranged.short} {ranged_text(part.diverged_at)}.")
    if not part.found:
        lines.append(f"No suggestion: {part.nothing}." if part.ended else "Suggestions come at the end of the test.")
    return "\n".join([title, text, *lines])
