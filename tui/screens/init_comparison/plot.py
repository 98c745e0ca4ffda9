"""A comparison of initializations as lines of text, for commands: the table, and the losses of the first steps."""

from __future__ import annotations

from gradtop.trainer.record import RunReader, clean
from gradtop.tui import plotting
from gradtop.tui.ascii import to_ascii
from gradtop.tui.screens.init_comparison.data import init_part
from gradtop.tui.screens.init_comparison.text import HEAD, conclusion, init_rows
from gradtop.tui.widgets import axis


def draw(reader: RunReader, width: int, height: int, *, colours: bool, unicode: bool) -> str:
    """Each initialization in a row, then the mean loss of each by step."""
    import plotext

    part = init_part(reader)
    title = f"{clean(reader.meta.name or reader.run.id, 80)}  initializations"
    if not part.ranking.inits:
        return f"{title}\nnothing to plot: nothing was measured"
    table = ["".join(words for words, _ in line).rstrip() for line in (*HEAD, *init_rows(part, -1, [""]), conclusion(part))]
    text = [title, *(table if unicode else map(to_ascii, table))]
    curves = [(each.init, [point for point in zip(each.loss.x, each.loss.mean, strict=True) if point[1] == point[1]]) for each in part.curves]
    values = [value for _, points in curves for _, value in points]
    if len(values) > 1:
        up = axis.linear(min(values), max(values), max(2, (height - plotting.FRAME) // 2))
        along = axis.along(1.0, float(part.steps), width - up.label_width - plotting.FRAME)
        plotting.frame(plotext, along, up, width, height)
        marks = plotting.UNICODE if unicode else plotting.ASCII
        for number, (_, points) in enumerate(curves):
            place = number % len(marks.lines)
            plotting.line(plotext, [(along.at(x), up.at(y)) for x, y in points], marks.lines[place], plotting.COLOURS[place] if colours else None)
        text += plotting.built(plotext, colours=colours, unicode=unicode)
        text.append("   ".join(f"{plotting.sample(plotext, marks, number, colours=colours)} {init}" for number, (init, _) in enumerate(curves)))
    return "\n".join(text)
