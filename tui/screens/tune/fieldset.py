"""One section of a form, a drawn row for each field: name, value, and on the right what it may be or what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.tui.widgets.cells import Cells, spans
from gradtop.tui.widgets.glyphs import draws_unicode
from gradtop.tui.widgets.line_edit import LineEdit
from gradtop.tui.widgets.tones import Tone, cursor_style, tone_styles

STYLES = {
    "label": Tone("muted"), "value": Tone("foreground"), "note": Tone("muted"), "changed": Tone("warning", bold=True), "problem": Tone("error"),
    "typing": Tone("foreground", on="panel", lined=True), "selected": Tone("primary", reverse=True), "caret": Tone("foreground", reverse=True),
}  # fmt: skip
TONES = tuple(STYLES)
MARKED = 5  # so many tones have a second one, for the row under the cursor
LABEL = 19
CHANGED, WRONG = "•", "✕"
CHOICE = {True: "▾", False: "v"}
FOLDED = {True: "▸", False: ">"}


class FieldRow(NamedTuple):
    """One field as drawn; `note` stands on its right: bounds and unit, or what is wrong."""

    key: str
    label: str
    value: str
    note: str = ""
    choice: bool = False
    changed: bool = False
    wrong: bool = False
    folded: bool = False


class Fieldset(Widget):
    """Draws rows and repaints only the cells that changed; marks the row under the cursor, and shows what is typed there."""

    class Clicked(Message):
        """Somebody clicked on a field."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, title: str) -> None:
        super().__init__(id=f"section-{title}")
        self._rows: Sequence[FieldRow] = ()
        self._cursor = -1
        self._edit: LineEdit | None = None
        self._cells: list[Cells] = []
        self._styles: list[Style] = []

    def show(self, rows: Sequence[FieldRow], cursor: int = -1, edit: LineEdit | None = None) -> None:
        """Draw these rows; `cursor` is the marked one (-1 for none), `edit` what is being typed in it."""
        if len(rows) != len(self._rows):
            self.styles.height = len(rows) + self.gutter.height
        self._rows, self._cursor, self._edit = rows, cursor, edit
        self._draw()

    def on_resize(self) -> None:
        if self._rows:
            self.styles.height = len(self._rows) + self.gutter.height
        self._draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = []

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and 0 <= offset.y < len(self._rows):
            self.post_message(self.Clicked(self._rows[offset.y].key))

    def _draw(self) -> None:
        width = self.content_size.width
        if not width:
            return
        cells = [self._row(index, row, width) for index, row in enumerate(self._rows)]
        old, self._cells = self._cells, cells
        if len(old) != len(cells) or (old and len(old[0].text) != width):
            self.refresh()
            return
        for y, (before, after) in enumerate(zip(old, cells, strict=True)):
            for start, end in spans(before, after):
                self.refresh(Region(start, y, end - start, 1))

    def _row(self, index: int, row: FieldRow, width: int) -> Cells:
        tone = {name: number for number, name in enumerate(TONES)}
        cells = Cells(width, tone["value"])
        room = max(8, min(24, (width - LABEL) * 45 // 100))
        if row.folded:
            cells.put(0, FOLDED[draws_unicode(self)], tone["note"])
        elif row.changed:
            cells.put(0, CHANGED, tone["changed"])
        cells.put(2, row.label, tone["label"])
        value = fit(row.value, room - 3 if row.choice else room - 1)
        cells.put(LABEL, value, tone["problem" if row.wrong else "changed" if row.changed else "value"])
        if row.choice:
            cells.put(LABEL + room - 2, CHOICE[draws_unicode(self)], tone["note"])
        note = f"{WRONG} {row.note}" if row.wrong else row.note
        cells.put(LABEL + room + 1, fit(note, width - LABEL - room - 1), tone["problem" if row.wrong else "note"])
        if index == self._cursor:
            cells.tones = bytearray(number + len(TONES) if number < MARKED else number for number in cells.tones)
            if self._edit is not None:
                self._put_edit(cells, self._edit, room, tone)
        return cells

    def _put_edit(self, cells: Cells, edit: LineEdit, room: int, tone: dict[str, int]) -> None:
        shown, caret = edit.view(room)
        cells.put(LABEL, " " * room, tone["typing"])
        cells.put(LABEL, shown, tone["selected" if edit.selected else "typing"])
        cells.paint(LABEL + caret, LABEL + caret + 1, tone["caret"])

    def render_line(self, y: int) -> Strip:
        if not self._styles:
            plain, cursor = tone_styles(self, STYLES.values()), cursor_style(self, "block-cursor")
            mark = Style(bgcolor=cursor.bgcolor, bold=cursor.bold, reverse=cursor.reverse)
            self._styles = [*plain, *(style + mark for style in plain[:MARKED])]
        if y >= len(self._cells):
            return Strip.blank(self.content_size.width, self.rich_style)
        return self._cells[y].strip(self._styles)


def fit(text: str, width: int) -> str:
    """The text, cut to so many cells."""
    if cell_len(text) <= width:
        return text
    cut = text[: max(0, width - 1)]
    while cut and cell_len(cut) > width - 1:
        cut = cut[:-1]
    return f"{cut}…" if width > 0 else ""
