"""A pruning run as lines of text, for commands: accuracy over the amount of each method, and the table."""

from __future__ import annotations

from gradtop.trainer.jobs.prune.table import latency_notes
from gradtop.trainer.metrics import metric_of
from gradtop.trainer.record import RunReader, clean
from gradtop.trainer.record.typed import typed
from gradtop.tui import plotting
from gradtop.tui.ascii import to_ascii
from gradtop.tui.framework.lines import TextLine
from gradtop.tui.screens.prune.data import amount_curve, prune_part
from gradtop.tui.screens.prune.text import head, pruning_conclusion, remark, trial_rows
from gradtop.tui.widgets import axis

LEAST_HEIGHT = 12  # rows of the figure


def draw(reader: RunReader, width: int, height: int, *, colours: bool, unicode: bool) -> str:
    """The first of the figures, which is the accuracy."""
    import plotext

    part = prune_part(reader)
    figure = part.metrics[0]
    title = f"{clean(reader.meta.name or reader.run.id, 80)}  {metric_of(figure).title} by amount"
    if not part.trials:
        return f"{title}\nnothing to plot: nothing was measured"
    curves = [(method, list(zip((series := amount_curve(part.trials, method, figure)).x, series.mean, strict=True))) for method in part.methods]
    values = [value for _, points in curves for _, value in points]
    text = [title]
    if len(values) > 1:
        rows = max(height - len(part.trials) - 5, LEAST_HEIGHT)
        up = axis.linear(min(values), max(values), max(2, (rows - plotting.FRAME) // 2))
        along = axis.along(0.0, 100.0, width - up.label_width - plotting.FRAME)
        plotting.frame(plotext, along, up, width, rows)
        marks = plotting.UNICODE if unicode else plotting.ASCII
        for number, (_, points) in enumerate(curves):
            place = number % len(marks.lines)
            plotting.line(plotext, [(along.at(x), up.at(y)) for x, y in points], marks.lines[place], plotting.COLOURS[place] if colours else None)
        text += plotting.built(plotext, colours=colours, unicode=unicode)
        text.append("   ".join(f"{plotting.sample(plotext, marks, number, colours=colours)} {method}" for number, (method, _) in enumerate(curves)))
    notes: list[TextLine] = [[(f" {each}", "muted")] for each in latency_notes(part.trials, part.about.batch)]
    table = [*head(part, width), *trial_rows(part, -1, [""], width, len(part.trials)), pruning_conclusion(part, None), remark(part, fork=f"gradtop fork {typed(reader.run)}"), *notes]
    lines = ["".join(words for words, _ in line).rstrip() for line in table]
    return "\n".join([*text, *(lines if unicode else map(to_ascii, lines))])
