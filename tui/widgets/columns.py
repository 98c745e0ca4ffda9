"""Columns of a table: which fit, how wide they are, and one row drawn into cells. No widget here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from rich.cells import cell_len

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.tui.format import ellipsis
from gradtop.tui.widgets.cells import Cells
from gradtop.tui.widgets.tones import Tone

TONES = ("text", "strong", "muted", "faint", "primary", "success", "warning", "error", "header", "typing", "hint", "caret", "thumb")
TONE = {name: index for index, name in enumerate(TONES)}
STYLED = {
    "text": Tone("foreground"), "strong": Tone("foreground", bold=True), "header": Tone("muted"), "thumb": Tone("scrollbar"),
    "typing": Tone("foreground", on="panel", lined=True), "hint": Tone("muted", on="panel"), "caret": Tone("foreground", reverse=True),
}  # fmt: skip
STYLES = tuple(STYLED.get(tone) or Tone(tone) for tone in TONES)
MARGIN = 1
GAP = 2

Piece: TypeAlias = tuple[str, str]  # text, tone
Cell: TypeAlias = str | Piece | Sequence[Piece]


class TableColumn(NamedTuple):
    """One column; its unit belongs into `name`.

    `width` is what it wants, `least` what it can live with (0: `width`). Where the least widths do not fit, the column
    with the highest `priority` is left out first; 0 is never left out. `grow` takes what is left over. `keep` says which
    end of a text that is too long is shown. `sort` names the order that a click on its name asks for, "" for none.
    """

    name: str
    width: int
    least: int = 0
    right: bool = False
    priority: int = 0
    grow: bool = False
    keep: Literal["start", "end"] = "start"
    sort: str = ""

    @property
    def smallest(self) -> int:
        return self.least or self.width


class ColumnSpan(NamedTuple):
    """Where a column stands in a row."""

    column: int
    x: int
    width: int


def arrange(columns: Sequence[TableColumn], width: int) -> list[ColumnSpan]:
    """The columns that fit into so many cells, from left to right."""
    shown = list(range(len(columns)))

    def spare() -> int:
        return width - 2 * MARGIN - GAP * max(0, len(shown) - 1) - sum(columns[index].smallest for index in shown)

    while spare() < 0:
        last = max(shown, key=lambda index: (columns[index].priority, index), default=None)
        if last is None or not columns[last].priority:
            break
        shown.remove(last)
    left = max(0, spare())
    widths = {index: columns[index].smallest for index in shown}
    for index in sorted(shown, key=lambda index: columns[index].priority):
        more = min(left, max(0, columns[index].width - widths[index]))
        widths[index] += more
        left -= more
    growing = [index for index in shown if columns[index].grow]
    for number, index in enumerate(growing):
        more = left // (len(growing) - number)
        widths[index] += more
        left -= more
    places, x = [], MARGIN
    for index in shown:
        places.append(ColumnSpan(index, x, widths[index]))
        x += widths[index] + GAP
    return places


def pieces_of(cell: Cell) -> Sequence[Piece]:
    if isinstance(cell, str):
        return [(cell, "text")]
    return [(cell[0], str(cell[1]))] if len(cell) == 2 and isinstance(cell[0], str) else cell  # type: ignore[return-value]


def draw_row(columns: Sequence[TableColumn], places: Sequence[ColumnSpan], cells: Sequence[Cell], width: int) -> Cells:
    """One row; a text that is too long ends (or begins) with an ellipsis."""
    row = Cells(width, TONE["text"])
    for place in places:
        if place.column < len(cells):
            column = columns[place.column]
            put(row, place.x, min(place.width, width - MARGIN - place.x), pieces_of(cells[place.column]), right=column.right, keep=column.keep)
    return row


def draw_header(columns: Sequence[TableColumn], places: Sequence[ColumnSpan], width: int, sort: str = "", *, descending: bool = False) -> Cells:
    """The names; an arrow says which column the rows are sorted by, beside its name or in the gap before it."""
    row = draw_row(columns, places, [(column.name, "header") for column in columns], width)
    for place in places:
        column = columns[place.column]
        if sort and column.sort == sort:
            length = min(cell_len(column.name), place.width)
            x = place.x + place.width - length - 1 if column.right else place.x + length
            row.put(max(0, x), "▾" if descending else "▴", TONE["primary"])
    return row


def put(row: Cells, x: int, width: int, pieces: Sequence[Piece], *, right: bool = False, keep: str = "start") -> None:
    """Put pieces into so many cells of a row; `keep` "end" cuts the last piece at its beginning."""
    if width <= 0:
        return
    total = sum(cell_len(text) for text, _tone in pieces)
    if right and total < width:
        x, width = x + width - total, total
    end = x + width
    for number, (text, tone) in enumerate(pieces):
        if x >= end:
            return
        last = number == len(pieces) - 1
        cut = ellipsis(text, end - x, keep=keep if last else "start")
        x = row.put(x, cut, TONE[tone])
        if cut != text:
            return


class Columns:
    """The columns of a table: which fit into its width, and by which its rows are sorted ("" for none of them)."""

    def __init__(self, columns: Sequence[TableColumn] = ()) -> None:
        self._columns = tuple(columns)
        self._arranged: tuple[int, list[ColumnSpan]] = (0, [])
        self.sort, self.descending = "", False

    def set(self, columns: Sequence[TableColumn]) -> bool:
        """Whether they are others than before."""
        if tuple(columns) == self._columns:
            return False
        self._columns, self._arranged = tuple(columns), (0, [])
        return True

    def set_sorted(self, sort: str, *, descending: bool) -> bool:
        """Whether the rows were sorted otherwise before."""
        before, (self.sort, self.descending) = (self.sort, self.descending), (sort, descending)
        return before != (sort, descending)

    @property
    def sortable(self) -> bool:
        return any(column.sort for column in self._columns)

    def fitting(self, width: int) -> list[TableColumn]:
        return [self._columns[place.column] for place in self._places(width)]

    def places(self, width: int) -> tuple[int, ...]:
        """The numbers of those that fit."""
        return tuple(place.column for place in self._places(width))

    def next_sort(self, step: int, width: int) -> str:
        """The `sort` of the next (1) or previous (-1) column that rows can be sorted by, of those that fit; "" for none."""
        sorts = [column.sort for column in self.fitting(width) if column.sort]
        now = sorts.index(self.sort) if self.sort in sorts else -1 if step > 0 else 0
        return sorts[(now + step) % len(sorts)] if sorts else ""

    def sort_at(self, x: int, width: int) -> str:
        """The `sort` of the column at this cell of the header."""
        at = next((place for place in self._places(width) if place.x <= x < place.x + place.width + GAP), None)
        return self._columns[at.column].sort if at is not None else ""

    def header(self, width: int) -> Cells:
        return draw_header(self._columns, self._places(width), width, self.sort, descending=self.descending)

    def row(self, cells: Sequence[Cell], width: int) -> Cells:
        return draw_row(self._columns, self._places(width), cells, width)

    def _places(self, width: int) -> list[ColumnSpan]:
        if self._arranged[0] != width:
            self._arranged = (width, arrange(self._columns, width))
        return self._arranged[1]
