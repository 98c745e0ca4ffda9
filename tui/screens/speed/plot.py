"""Samples per second by setting as lines of text, for commands."""

from __future__ import annotations

from gradtop.trainer.record import RunReader, clean
from gradtop.tui.ascii import to_ascii
from gradtop.tui.screens.speed.data import speed_part
from gradtop.tui.screens.speed.text import HEAD, rows


def draw(reader: RunReader, width: int, height: int, *, colours: bool, unicode: bool) -> str:  # noqa: ARG001 - the bars have one colour
    """A bar for each combination, the fastest first."""
    part = speed_part(reader)
    title = f"{clean(reader.meta.name or reader.run.id, 80)}  samples/s by setting"
    if not part.settings:
        return f"{title}\nnothing to plot: nothing was measured"
    lines = [HEAD, *rows(part, part.chosen or 0, width, max(height - 2, 1), block="▆" if unicode else "#")]
    text = ["".join(words for words, _ in line)[:width].rstrip() for line in lines]
    whole = "\n".join((title, *text))
    return whole if unicode else to_ascii(whole)
