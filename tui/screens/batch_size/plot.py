"""Pace over the batch size as lines of text, for commands."""

from __future__ import annotations

from gradtop.trainer.analysis import formatting
from gradtop.trainer.record import RunReader, clean
from gradtop.tui import plotting
from gradtop.tui.screens.batch_size.data import batch_size_part
from gradtop.tui.widgets import axis


def draw(reader: RunReader, width: int, height: int, *, colours: bool, unicode: bool) -> str:
    """Samples per second over the batch size on a logarithmic axis; the candidates, and what was found, below it."""
    import plotext

    from gradtop.trainer.jobs.batch_size.result import lines

    part = batch_size_part(reader)
    points = list(zip(part.pace.x, part.pace.mean, strict=True))
    text = [f"{clean(reader.meta.name or reader.run.id, 80)}  samples/s over batch size"]
    if len(points) > 1:
        up = axis.linear(0.0, max(y for _, y in points), max(2, (height - plotting.FRAME) // 2))
        along = axis.logarithmic(points[0][0], points[-1][0], max(2, (width - up.label_width) // 10))
        plotting.frame(plotext, along, up, width, height)
        marks = plotting.UNICODE if unicode else plotting.ASCII
        plotting.line(plotext, [(along.at(x), up.at(y)) for x, y in points], marks.lines[0], plotting.COLOURS[0] if colours else None)
        text += plotting.built(plotext, colours=colours, unicode=unicode)
    else:
        text.append("nothing to plot: fewer than two batch sizes fit")
    text += [f"{title}: {clean(words)}" for title, words in lines(reader)]
    if part.failed is not None:
        text.append(f"does not fit: {formatting.number(part.failed)}")
    return "\n".join(text)
