"""A run in one row of the list, and in the lines under it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path

from gradtop.trainer.analysis.formatting import number, si, significant
from gradtop.trainer.analysis.metric_columns import best_cell, score_cell
from gradtop.trainer.analysis.run_fields import CHANGE, FINDING, field_of
from gradtop.trainer.analysis.run_order import NEWEST
from gradtop.trainer.analysis.run_row import RunRow
from gradtop.trainer.analysis.run_text import value_text
from gradtop.trainer.analysis.text import queue_text, state_text
from gradtop.trainer.metrics import ACCURACY
from gradtop.trainer.record import clean
from gradtop.trainer.record.typed import with_runs
from gradtop.tui import keys
from gradtop.tui.framework import states
from gradtop.tui.framework.lines import Lines, TextLine
from gradtop.tui.screens.runs.columns import EPOCH
from gradtop.tui.widgets.columns import Cell, Piece

ROWS = 3
WATCHED = " ◂"
MARKED = "= "
# How a first run is started: the command, whether it takes --runs, and what it does.
COMMANDS = (
    ("gradtop new digits", False, "write digits.toml, a commented configuration"),
    ("gradtop train digits.toml", True, "train it in the background"),
    ("gradtop new --help", False, "other kinds: images, tables, text, your own code"),
    ("gradtop doctor", True, "see what is installed, and the GPUs"),
)
WAY = max(len(command) for command, _, _ in COMMANDS)
PINNED = "◆ "


def empty_list_text(runs: Path, trouble: str) -> tuple[str, Sequence[TextLine]]:
    """Why the list is empty: nothing was started yet, and how to begin; or `trouble` with the directory."""
    if trouble:
        return clean(trouble, 400), ()
    ways = [(keys.name("mode.tune"), "a form with every setting and its default")]
    ways += [(with_runs(command, runs) if starts else command, what) for command, starts, what in COMMANDS]
    return "No runs yet. How to start one:", ((), *([(f"  {way:<{WAY}}  ", "text"), (what, "muted")] for way, what in ways))


def shown_name(row: RunRow) -> str:
    return clean(row.name, 100)


def run_cells(row: RunRow, columns: Sequence[str], now: float, finding: Piece = ("", "muted"), *, watched: bool, marked: bool = False, named: Collection[str] = ()) -> list[Cell]:
    """Name and state, then a cell for each of the columns; `finding` says what is wrong with the run. Cells of the columns that are `named` have the name of their metric."""
    name: list[Piece] = [(f"{row.branch} " if row.branch else "", "faint"), (shown_name(row), "strong" if watched else "text")]
    if watched:
        name.append((WATCHED, "primary"))
    if row.pinned:
        name.insert(0, (PINNED, "primary"))
    if marked:
        name.insert(0, (MARKED, "warning"))
    state: Piece = (f"{states.symbol(row.state)} {state_text(row)}", states.tone(row.state))
    return [name, state, *(cell(row, column, now, finding, named) for column in columns)]


def cell(row: RunRow, column: str, now: float, finding: Piece, named: Collection[str]) -> Cell:
    if column == CHANGE:
        return change(row)
    if column == FINDING:
        return finding
    if column == "epoch":
        return epochs(row.status.epoch, row.status.epochs)
    if column == "best":
        return metric(best_cell(row.status, named=column in named))
    if column == ACCURACY:
        return metric(score_cell(row.status, named=column in named))
    field = field_of(column)
    value = field.value(row)
    if field.result and isinstance(value, float | int):
        return figure(value)
    return value_text(field, row, now), "faint" if value is None else "text" if field.needs or field.unit == "s" else "muted"


def epochs(at: int, of: int) -> str:
    """249/300, and 249/2k rather than a number that is cut."""
    if not of:
        return "–"
    return next((text for text in (f"{at}/{of}", f"{at}/{si(of)}") if len(text) <= EPOCH), f"{si(at)}/{si(of)}")


def figure(value: float | None) -> Piece:
    if value is None:
        return "–", "faint"
    return significant(value), "text" if math.isfinite(value) else "error"


def metric(text: str) -> list[Piece]:
    """A value, and its name where it has one."""
    value, _, name = text.partition(" ")
    return [(value, "faint" if value == "–" else "text"), *([(f" {name}", "muted")] if name else [])]


def change(row: RunRow) -> list[Piece]:
    """What was changed, and in another tone the last words."""
    words = row.words if row.words and row.change.endswith(row.words) else ""
    changed = row.change.removesuffix(words).rstrip()
    pieces: list[Piece] = [(changed, "text")] if changed else []
    if words:
        pieces.append((f"{'   ' if changed else ''}{words}", "error" if row.state.went_wrong else "warning"))
    return pieces or [("–", "faint")]


class RunDetails(Lines):
    """The row in full: how far it is, what was changed and its last words in two lines at most, where it is."""

    def lines(self, width: int, height: int) -> Sequence[TextLine]:
        from textwrap import wrap

        lines = super().lines(width, height)
        if len(lines) != ROWS:
            return lines
        first, second, third = lines
        wrapped: list[TextLine] = []
        for text, tone in second:
            room = max(10, width - 2)
            # Each piece on a line of its own where they do not fit side by side.
            wrapped += [[(f" {piece}", tone)] for piece in wrap(text.strip(), room, max_lines=2, placeholder=" …")]
        whole = sum(len(text) for text, _tone in second) < width
        return [first, *([second] if whole else wrapped[:2]), third]


def about(row: RunRow, finding: Piece = ("", "muted"), *, watched: bool, sort: str, apart: int = 0) -> list[TextLine]:
    """What the pane says of a row, in three lines of any length; `apart` is how many groups of runs do not compare in what they are sorted by."""
    status = row.status
    words = [f"step {number(status.step)}/{number(status.steps)}" if status.steps else "", status.model]
    words += [f"{number(status.parameters)} parameters" if status.parameters else "", status.device]
    words.append(f"lr {significant(status.lr)}" if status.lr is not None and row.state.is_active else "")  # the last one says nothing
    first: TextLine = [
        (f" {shown_name(row)}  ", "strong"),
        (f"{states.symbol(row.state)} {row.state}", states.tone(row.state)),
        ("   watched" if watched else "", "primary"),
        (f"   {clean(' '.join(row.tags), 200)}" if row.tags else "", "primary"),
        ("   " + " · ".join(clean(word, 60) for word in words if word), "muted"),
    ]
    second: TextLine = [(" ", "text"), *change(row)] if row.change else [(" no parent" if not row.parent else " as its parent", "muted")]
    if row.place:
        second = [(f" {queue_text(row.place, row.waits_for)}   ", "text"), *(change(row) if row.change else [])]
    if row.note:
        second = [*second, (f"   note: {clean(row.note, 300)}", "primary")]
    sentence, tone = finding
    order = "" if sort == NEWEST else f"   sorted by {sort}{f' within each of {apart} groups of the same data' if apart > 1 else ''}"
    where = clean(f"{row.run.path.parent.name}/{row.run.id}", 200)
    third: TextLine = [(f" {where}   y copies the path{order}", "muted")]
    if sentence:
        second = [*second, (f"   {sentence}", tone)]
    return [first, second, third]
