"""A list of entries of any length, wrapped: one is chosen, and tells more of itself; scrolled, and filtered by what is typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from textwrap import wrap
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.tui import keys
from gradtop.tui.format import ellipsis
from gradtop.tui.widgets.cells import Cells, repaint
from gradtop.tui.widgets.columns import STYLES, TONE, TONES, Piece
from gradtop.tui.widgets.filtering import Filtering
from gradtop.tui.widgets.tones import cursor_style, tone_styles

MOVES = frozenset({"list.pagedown", "list.pageup", "list.halfdown", "list.halfup", "list.first", "list.last", "list.filter"})
WRAPPED = 256  # entries that are remembered in lines; what is found out about a run names other numbers each second
WORDS = re.compile(r"\n|[^\S\n]+|\S+")


class Entry(NamedTuple):
    """`head` stands before the text, which goes on below itself; `more` are (text, tone) that the chosen entry shows under it.

    `body` follows the text: pieces that flow on in the same line, each in its tone, with line breaks.
    """

    head: str
    head_tone: str
    text: str
    tone: str = "text"
    more: tuple[Piece, ...] = ()
    body: tuple[Piece, ...] = ()


class Entries(Filtering, can_focus=True, inherit_bindings=False):
    """Shows entries; while it has the focus a cursor stands on one of them. Only cells that changed are painted again.

    `telling` keeps the chosen entry open while the focus is elsewhere. With `filters`, `/` opens a line at the bottom.
    """

    DEFAULT_CSS = "Entries { width: 1fr; height: 1fr; color: $foreground; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(row.key, row.action, row.label, show=row.footer, key_display=row.name, tooltip=row.help, id=row.id)
        for row in keys.KEYS
        if row.id in MOVES or row.id.startswith("filter.")
    ]

    class Moved(Message):
        """The cursor stands elsewhere."""

        def __init__(self, entries: Entries) -> None:
            super().__init__()
            self.entries = entries

        @property
        def control(self) -> Entries:
            return self.entries

    class Filtered(Moved):
        """Something else was typed into the filter."""

    class Chosen(Moved):
        """Somebody clicked on the entry under the cursor."""

    def __init__(self, *, empty: str = "", telling: bool = False, filters: bool = False, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._empty, self._telling, self._filters = empty, telling, filters
        self._all: tuple[Entry, ...] = ()
        self._shown: list[Entry] = []
        self._lines: list[tuple[int, list[Piece]]] = []  # of which entry, and what
        self._cursor = self._top = 0
        self._drawn: list[Cells] = []
        self._tones: list[Style] = []

    def show(self, entries: Sequence[Entry], empty: str = "") -> None:
        """Show these entries; while somebody reads further down, what is seen stays where it is."""
        if tuple(entries) == self._all and empty == self._empty:
            return
        chosen, line = self.chosen, self._place - self._top
        was_first = self._cursor == 0
        self._all, self._empty = tuple(entries), empty
        self._match()
        if chosen is not None and not was_first and chosen in self._shown:
            self._cursor = self._shown.index(chosen)
        self._cursor = max(0, min(self._cursor, len(self._shown) - 1))
        self._flow()
        if not was_first:
            self._top = self._place - line
        self._draw()

    @property
    def chosen(self) -> Entry | None:
        return self._shown[self._cursor] if self._shown else None

    @property
    def index(self) -> int:
        """The place of the chosen entry among all; -1 where there is none."""
        return self._all.index(self._shown[self._cursor]) if self._shown else -1

    def _match(self) -> None:
        words = self._filter.text.casefold().split()
        self._shown = [entry for entry in self._all if all(word in entry.text.casefold() for word in words)] if words else list(self._all)

    def _flow(self) -> None:
        """Wrap all entries to the width."""
        width = self.content_size.width - 1
        self._lines = []
        for number, entry in enumerate(self._shown):
            told = entry.more if number == self._cursor and (self.has_focus or self._telling) else ()
            self._lines += [(number, line) for line in wrapped(entry, told, width)]

    @property
    def _place(self) -> int:
        """The first line of the chosen entry."""
        return next((line for line, (number, _pieces) in enumerate(self._lines) if number == self._cursor), 0)

    @property
    def _page(self) -> int:
        return max(1, self.content_size.height - self._filter.shown)

    # Moving

    def step(self, entries: int) -> bool:
        """Move the cursor; whether there was anything to move to."""
        cursor = max(0, min(self._cursor + entries, len(self._shown) - 1))
        if cursor == self._cursor:
            return False
        self._cursor = cursor
        self._reveal()
        return True

    def _reveal(self) -> None:
        self._flow()
        first = self._place
        last = first + sum(number == self._cursor for number, _pieces in self._lines) - 1
        self._top = min(max(self._top, last - self._page + 1), first)
        self._draw()
        self.post_message(self.Moved(self))

    def action_page_down(self) -> None:
        self.step(self._page)

    def action_page_up(self) -> None:
        self.step(-self._page)

    def action_half_page(self, pages: int) -> None:
        self.step(pages * max(1, self._page // 2))

    def action_first(self) -> None:
        self.step(-len(self._shown))

    def action_last(self) -> None:
        self.step(len(self._shown))

    def move(self, rows: int) -> None:
        self.step(rows)

    def refilter(self, before: str) -> None:  # noqa: ARG002 - as Filtering calls it
        self.post_message(self.Filtered(self))
        chosen = self.chosen
        self._match()
        self._cursor = self._shown.index(chosen) if chosen in self._shown else 0
        self._reveal()
        self.refresh_bindings()

    def scroll_rows(self, rows: int) -> None:
        self._top += rows
        self._draw()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or not 0 <= self._top + offset.y < len(self._lines):
            return
        number, again = self._lines[self._top + offset.y][0], self._cursor
        self._cursor = number
        self._reveal()
        if number == again:
            self.post_message(self.Chosen(self))

    # Drawing

    def on_resize(self) -> None:
        self._flow()
        self._draw()

    def on_focus(self) -> None:
        self._tones = []
        self._reveal()
        self.refresh()

    def on_blur(self) -> None:
        self._filter.keep()
        self._tones = []
        self._flow()
        self._draw()
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._tones = []

    def _draw(self) -> None:
        width, height = self.content_size
        if not width or not height:
            return
        page = self._page
        self._top = max(0, min(self._top, len(self._lines) - page))
        rows = []
        for number, pieces in self._lines[self._top : self._top + page]:
            row, x = Cells(width, TONE["text"]), 0
            for text, tone in pieces:
                x = row.put(x, ellipsis(text, width - 1 - x), TONE[tone])
            if number == self._cursor and self.has_focus:
                row.tones = bytearray(tone + len(TONES) for tone in row.tones)
            rows.append(row)
        if not self._lines:
            row = Cells(width, TONE["text"])
            row.put(1, ellipsis(f"nothing matches “{self.filter}”: esc shows all" if self.filter else self._empty, width - 2), TONE["muted"])
            rows.append(row)
        rows += [Cells(width, TONE["text"]) for _ in range(height - len(rows))]
        if len(self._lines) > page:
            size = max(1, page * page // len(self._lines))
            start = round(self._top / (len(self._lines) - page) * (page - size))
            for line in range(start, start + size):
                rows[line].text[-1], rows[line].tones[-1] = "▐", TONE["thumb"]
        if self._filter.shown:
            rows[height - 1] = self._filter.draw(width, f"{len(self._shown)} of {len(self._all)}")
        old, self._drawn = self._drawn, rows[:height]
        repaint(self, old, self._drawn)

    def render_line(self, y: int) -> Strip:
        if not self._tones:
            plain, cursor = tone_styles(self, STYLES), cursor_style(self, "block-cursor-blurred")
            self._tones = [*plain, *(style + Style(bgcolor=cursor.bgcolor, bold=cursor.bold or style.bold) for style in plain)]
        if y >= len(self._drawn):
            return Strip.blank(self.content_size.width, self.rich_style)
        return self._drawn[y].strip(self._tones)


@lru_cache(WRAPPED)
def wrapped(entry: Entry, told: tuple[Piece, ...], width: int) -> list[list[Piece]]:
    """The lines of an entry; a gap is given up before a word has to go on in the next line."""
    indent = " " * len(entry.head)
    room = max(10, width - len(entry.head))
    lines: list[list[Piece]] = []
    for text, tone in ((entry.text, entry.tone), *told):
        pieces = wrap(text.replace("  ", " "), room) if len(text) > room else [text]
        for piece in pieces:
            lines.append([(indent if lines else entry.head, entry.head_tone), (piece, tone)])
        if len(lines) == len(pieces) and entry.body:
            lines += [[(indent, entry.head_tone), *line] for line in flowed(entry.body, room)]
    return lines


def flowed(pieces: Sequence[Piece], width: int) -> list[list[Piece]]:
    """Pieces one after another in lines of so many cells, broken at their line breaks, at spaces, and within a word that is longer."""
    lines: list[list[Piece]] = [[]]
    used = 0
    for text, tone in pieces:
        for word in WORDS.findall(text):
            if word == "\n" or (used and used + cell_len(word) > width):
                lines.append([])
                used = 0
            if word == "\n" or (word.isspace() and not used):
                continue
            while cell_len(word) > width:
                part = set_cell_size(word, width).rstrip()
                lines[-1].append((part, tone))
                lines.append([])
                word = word[len(part) :]  # noqa: PLW2901 - the rest of it
            lines[-1].append((word, tone))
            used += cell_len(word)
    return lines
