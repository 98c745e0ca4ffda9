"""A profile as lines of text, for commands."""

from __future__ import annotations

from gradtop.trainer.record import RunReader, clean
from gradtop.trainer.record.profiles import Profile
from gradtop.tui.ascii import to_ascii
from gradtop.tui.screens.profile.data import profile_part
from gradtop.tui.screens.profile.text import (
    BLOCK,
    cells_of,
    costs_of,
    operator_columns,
    phase_lines,
    profiled_line,
    trace_line,
    usual_sort,
)
from gradtop.tui.widgets.columns import Columns

LEAST = 5  # operators


def draw(reader: RunReader, width: int, height: int, *, colours: bool, unicode: bool) -> str:  # noqa: ARG001 - the bars have one colour
    """Phases, and the most expensive operators."""
    part, block = profile_part(reader), BLOCK if unicode else "#"
    name = clean(reader.meta.name or reader.run.id, 80)
    if part.profile is None:
        return f"{name}  profile\nnothing to plot: there is no profile"
    phases = ["".join(text for text, _ in line).rstrip() for line in phase_lines(part.profile, width, block=block)]
    words = ["".join(text for text, _ in line).strip() for line in (profiled_line(part), trace_line(part))]
    operators = operator_table(part.profile, width, max(height - len(phases) - 6, LEAST), block=block)
    whole = "\n".join((f"{name}  {words[0]}", "", *phases, "", *operators, "", words[1]))
    return whole if unicode else to_ascii(whole)


def operator_table(found: Profile, width: int, most: int, *, block: str) -> list[str]:
    columns, sort, costs = Columns(operator_columns(found)), usual_sort(found, modules=False), costs_of(found, modules=False)
    rows = [columns.header(width), *(columns.row(cells_of(found, row, costs, sort, block=block), width) for row in found.operators[:most])]
    return ["".join(row.text).rstrip() for row in rows]
