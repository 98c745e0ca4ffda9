"""The curve of a range test as lines of text, for commands."""

from __future__ import annotations

import math

from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.jobs.lr_range.result import LABELS
from gradtop.trainer.record import RunReader, clean
from gradtop.tui import plotting
from gradtop.tui.screens.lr_range.data import limits_of, range_part
from gradtop.tui.widgets import axis

MARKED = ("V", "S", "M", "L")  # where each suggestion stands, in the order of LABELS


def draw(reader: RunReader, width: int, height: int, *, colours: bool, unicode: bool) -> str:
    """Smoothed loss over the learning rate on a logarithmic axis, the suggestions marked on it and listed below."""
    import plotext

    part = range_part(reader)
    points = sorted((x, y) for x, y in zip(part.smoothed.x, part.smoothed.mean, strict=True) if math.isfinite(y) and 0 < x < math.inf)
    title = f"{clean(reader.meta.name or reader.run.id, 80)}  smoothed loss over learning rate"
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
        if (lr := part.found.get(method)) is not None:
            height_there = min(points, key=lambda point: abs(math.log(point[0] / lr)))[1]
            plotting.scatter(plotext, [(along.at(lr), up.at(height_there))], marker, plotting.COLOURS[1] if colours else None)
            lines.append(f"{marker}  {label:<11}{significant(lr)}")
    text = "\n".join(plotting.built(plotext, colours=colours, unicode=unicode))
    if part.diverged_at is not None:
        lines.append(f"The loss diverged at lr {significant(part.diverged_at)}.")
    if not part.found:
        lines.append("No suggestion: the loss does not fall beyond its noise." if part.ended else "Suggestions come at the end of the test.")
    return "\n".join([title, text, *lines])
