"""A list with a cursor: columns with a header, any number of rows of which only those in view are drawn, and a filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from gradtop.tui import keys
from gradtop.tui.widgets.cells import Cells, repaint
from gradtop.tui.widgets.columns import STYLES, TONE, TONES, Cell, Columns, Piece, TableColumn, put
from gradtop.tui.widgets.filtering import Filtering
from gradtop.tui.widgets.rows import RowCursor
from gradtop.tui.widgets.tones import cursor_style, tone_styles

KEPT = 500  # rows that were drawn, for when they come into view again


class Table(Filtering, can_focus=True, inherit_bindings=False):
    """Shows rows by their keys: `show(keys, cells)` calls `cells(key)` for the rows in view alone, once until the next `show` or `redraw`.

    `key` is the one under the cursor; see `RowCursor` for where it stays. Only cells that changed are painted again. With
    `filters`, `/` opens a line at the bottom: `Filtered` says what was typed, and whoever owns the rows shows those that
    match. Enter is the screen's key, from tui/keys.py and with its own word; it calls `choose`, as a click on the row
    under the cursor does.
    """

    DEFAULT_CSS = "Table { width: 1fr; height: 1fr; color: $foreground; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(row.key, row.action, row.label, show=row.footer or bool(row.spare), key_display=row.name, tooltip=row.help, id=row.id)
        for row in keys.KEYS
        if row.id.startswith(("list.", "filter."))
    ]

    class News(Message):
        """Carries state: a newer one takes the place of one that was not yet handled."""

        def __init__(self, table: Table, key: str) -> None:
            super().__init__()
            self.table, self.key = table, key

        @property
        def control(self) -> Table:
            return self.table

        def can_replace(self, message: Message) -> bool:
            return type(message) is type(self) and isinstance(message, Table.News) and message.table is self.table

    class Moved(News):
        """The cursor stands on another key; "" where there are no rows."""

    class Filtered(News):
        """Only rows that match what was typed (`key`) are wanted; "" is every row."""

    class Scrolled(News):
        """Other rows are in view than the cursor's moves brought there."""

    class Sorted(News):
        """The rows are wanted in the order that the column says (`key`, its `sort`)."""

        def can_replace(self, message: Message) -> bool:  # noqa: ARG002 - Textual's signature
            return False

    class Chosen(News):
        """Somebody wants into the row under the cursor."""

        def can_replace(self, message: Message) -> bool:  # noqa: ARG002 - Textual's signature
            return False

    def __init__(
        self,
        columns: Sequence[TableColumn] = (),
        *,
        empty: str = "nothing here yet",
        filters: bool = False,
        hint: str = "",
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._columns, self._empty, self._filters = Columns(columns), empty, filters
        self._more: Sequence[Sequence[Piece]] = ()
        self._rows = RowCursor()
        self._filter.hint = hint
        self._cells: Callable[[str], Sequence[Cell]] = lambda _key: ()
        self._count = self._problem = ""
        self._told = ""
        self._drawn: list[Cells] = []
        self._rows_drawn: dict[str, Cells] = {}  # by their keys, without cursor and bar
        self._tones: list[Style] = []
        self._grabbed = False

    # What is shown

    def show(
        self, keys: Sequence[str], cells: Callable[[str], Sequence[Cell]], *, total: int | None = None, found: int | None = None, problem: str = ""
    ) -> None:
        """Show these rows; `cells` gives one row's cells by its key.

        Beside the filter stands how many of `total` were `found`, which are all rows that are shown unless it is said, or the `problem` with it.
        """
        self._cells, self._problem = cells, problem
        shown = len(keys) if found is None else found
        self._count = f"{shown} of {shown if total is None else total}"
        self._rows.set(keys)
        self._rows_drawn.clear()
        self._moved()

    def set_columns(self, columns: Sequence[TableColumn]) -> None:
        if self._columns.set(columns):
            self.redraw()

    def set_empty(self, sentence: str, more: Sequence[Sequence[Piece]] = ()) -> None:
        """What is said where there are no rows: what will come, and which key brings it; and in lines below that, `more`."""
        if (sentence, more) != (self._empty, self._more):
            self._empty, self._more = sentence, more
            self._draw()

    def set_sorted(self, sort: str, *, descending: bool = False) -> None:
        """Mark the column that the rows are sorted by."""
        if self._columns.set_sorted(sort, descending=descending):
            self._draw()

    @property
    def key(self) -> str:
        return self._rows.key

    @property
    def keys(self) -> Sequence[str]:
        return self._rows.keys

    @property
    def in_view(self) -> Sequence[str]:
        """The keys of the rows that are seen."""
        return [self._rows.keys[index] for index in self._rows.view]

    def redraw(self) -> None:
        """Ask for the cells of the rows in view again."""
        self._rows_drawn.clear()
        self._draw()

    @property
    def shown_columns(self) -> tuple[str, ...]:
        """The names of the columns that fit."""
        return tuple(column.name for column in self._columns.fitting(self.content_size.width))

    @property
    def shown_places(self) -> tuple[int, ...]:
        """The columns that fit, by their numbers."""
        return self._columns.places(self.content_size.width)

    def go(self, key: str) -> None:
        """Put the cursor on a row, now or as soon as there is one of this key."""
        self._rows.go(key)
        self._moved()

    def choose(self) -> None:
        """Go into the row under the cursor."""
        if self.key:
            self.post_message(self.Chosen(self, self.key))

    def move(self, rows: int) -> None:
        """Move the cursor by so many rows, as far as there are any."""
        self._rows.move(self._rows.cursor + rows)
        self._moved()

    def _moved(self) -> None:
        self._draw()
        if self.key != self._told:
            self._told = self.key
            self.post_message(self.Moved(self, self.key))

    # Keys

    def action_cursor_down(self) -> None:
        self.move(1)

    def action_cursor_up(self) -> None:
        self.move(-1)

    def action_page_down(self) -> None:
        self.move(self._rows.page)

    def action_page_up(self) -> None:
        self.move(-self._rows.page)

    def action_half_page(self, pages: int) -> None:
        self.move(pages * max(1, self._rows.page // 2))

    def action_sort_by(self, step: int) -> None:
        """Sort by the next column that can be sorted by, of those that fit."""
        if sort := self._columns.next_sort(step, self.content_size.width):
            self._columns.sort = sort  # the next key may come before the rows in this order do
            self.post_message(self.Sorted(self, sort))

    def action_first(self) -> None:
        self.move(-len(self.keys))

    def action_last(self) -> None:
        self.move(len(self.keys))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._columns.sortable if action == "sort_by" else super().check_action(action, parameters)

    def refilter(self, before: str) -> None:
        if self._filter.text != before:
            self.post_message(self.Filtered(self, self._filter.text))
        self._draw()
        self.refresh_bindings()

    # The mouse

    def scroll_rows(self, rows: int) -> None:
        self._rows.scroll(self._rows.top + rows)
        self._draw()
        self.post_message(self.Scrolled(self, self.key))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and not offset.y and (sort := self._columns.sort_at(offset.x, self.content_size.width)):
            self.post_message(self.Sorted(self, sort))
        if offset is None or self._on_bar(offset.x) or not 0 <= offset.y - 1 < len(self._rows.view):
            return
        index = self._rows.view[offset.y - 1]
        again = index == self._rows.cursor
        self._rows.move(index)
        self._moved()
        if again:
            self.choose()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and self._on_bar(offset.x):
            self._grabbed = True
            self.capture_mouse()
            self._drag(offset.y)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._grabbed:
            self._drag(event.y - self.gutter.top)

    def on_mouse_up(self) -> None:
        if self._grabbed:
            self._grabbed = False
            self.release_mouse()

    def _on_bar(self, x: int) -> bool:
        return self._rows.overflows and x == self.content_size.width - 1

    def _drag(self, line: int) -> None:
        self._rows.drag(line - 1)
        self._draw()
        self.post_message(self.Scrolled(self, self.key))

    # Drawing

    def on_resize(self) -> None:
        self.redraw()

    def on_focus(self) -> None:
        self._restyle()

    def on_blur(self) -> None:
        if self._filter.edit is not None:
            self.action_keep_filter()
        self._restyle()

    def _restyle(self) -> None:
        self._tones = []
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._tones = []

    def _draw(self) -> None:
        """Compute the rows in view and repaint the cells that are other ones than before."""
        width, height = self.content_size
        if not width or not height:
            return
        self._rows.page = height - 1 - self._filter.shown
        rows = self._compose_rows(width, height)
        old, self._drawn = self._drawn, rows
        repaint(self, old, rows)

    def _compose_rows(self, width: int, height: int) -> list[Cells]:
        rows = [self._columns.header(width)]
        for index in self._rows.view:
            row = self._row(self.keys[index], width)
            if index == self._rows.cursor:
                row = row.copy()
                row.tones = bytearray(tone + len(TONES) for tone in row.tones)
            rows.append(row)
        if not self.keys:
            sentence = self._problem or f"nothing matches “{self.filter}”: esc shows all" if self.filter else self._empty
            said: list[Sequence[Piece]] = [[(sentence, "muted")], *(() if self.filter else self._more)]
            for pieces in said:
                rows.append(Cells(width))
                put(rows[-1], 1, width - 2, pieces)
        rows += [Cells(width) for _ in range(height - len(rows))]
        if self._rows.overflows:
            for line in self._rows.thumb():
                row = rows[1 + line] = rows[1 + line].copy()
                row.text[-1], row.tones[-1] = "▐", TONE["thumb"] + (len(TONES) if row.tones[-1] >= len(TONES) else 0)
        if self._filter.shown:
            rows[height - 1] = self._filter.draw(width, self._count, self._problem)
        return rows[:height]

    def _row(self, key: str, width: int) -> Cells:
        found = self._rows_drawn.get(key)
        if found is None or len(found.text) != width:
            if len(self._rows_drawn) >= KEPT:
                self._rows_drawn.clear()
            found = self._rows_drawn[key] = self._columns.row(self._cells(key), width)
        return found

    def render_line(self, y: int) -> Strip:
        if not self._tones:
            self._tones = self._tone_styles()
        if y >= len(self._drawn):
            return Strip.blank(self.content_size.width, self.rich_style)
        return self._drawn[y].strip(self._tones)

    def _tone_styles(self) -> list[Style]:
        """A style for each tone, and one for each under the cursor; where that is reversed, it has one colour."""
        plain = tone_styles(self, STYLES)
        cursor = cursor_style(self, "block-cursor" if self.has_focus else "block-cursor-blurred")
        if cursor.reverse:
            return [*plain, *([cursor] * len(plain))]
        under = [style + Style(bgcolor=cursor.bgcolor, bold=cursor.bold or style.bold) for style in plain]
        if self.has_focus:
            under[TONE["text"]] += Style(color=cursor.color)
        return [*plain, *under]
