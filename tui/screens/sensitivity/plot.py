"""A sensitivity analysis as lines of text, for commands: ranked bars, heat maps of the pairs, importances."""

from __future__ import annotations

from gradtop.trainer.jobs.sensitivity.outcome import SensitivityOutcome
from gradtop.trainer.record import RunReader, clean
from gradtop.tui.ascii import to_ascii
from gradtop.tui.framework.lines import TextLine
from gradtop.tui.screens.sensitivity.data import SensitivityPart, ranked_effects, sensitivity_part
from gradtop.tui.screens.sensitivity.pair_map import draw_map
from gradtop.tui.screens.sensitivity.text import effect_rows, heading, importance_rows, summary_rows
from gradtop.tui.widgets.cells import Cells


def draw(reader: RunReader, width: int, height: int, *, colours: bool, unicode: bool) -> str:  # noqa: ARG001 - as long as it has to be, in one colour
    """A bar for each field, the largest deviation first; then each pair."""
    part = sensitivity_part(reader)
    outcome = part.outcome
    title = f"{clean(reader.meta.name or reader.run.id, 80)}  sensitivity of {part.metric.title}"
    if not outcome.fields:
        return f"{title}\nnothing to plot: nothing was measured"
    effects = ranked_effects(outcome, normalised=outcome.normalised)
    lines: list[TextLine] = [
        *summary_rows(part, normalised=outcome.normalised),
        heading(width, normalised=outcome.normalised),
        *effect_rows(effects, -1, width, len(effects), normalised=outcome.normalised),
        *importance_rows(outcome),
    ]
    text = [title, *("".join(words for words, _ in line)[:width].rstrip() for line in lines), *pair_lines(part, outcome, width)]
    whole = "\n".join(text)
    return whole if unicode else to_ascii(whole)


def pair_lines(part: SensitivityPart, outcome: SensitivityOutcome, width: int) -> list[str]:
    """The heat maps, in shades."""
    text: list[str] = []
    bases = {each.key: each.base for each in outcome.fields}
    for grid in outcome.pairs:
        rows = [Cells(width) for _ in range(len(grid.rows) + 3)]
        draw_map(rows, grid, part.metric, (bases.get(grid.first, ""), bases.get(grid.second, "")), coloured=False)
        text += ["", f"{grid.first} (down) × {grid.second} (across)", *("".join(row.text).rstrip() for row in rows if any(each != " " for each in row.text))]
    return text
