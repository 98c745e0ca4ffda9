"""The keys that act here, from the one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Any, ClassVar, Self

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Static

from gradtop.tui import keys
from gradtop.tui.framework.dialog import Dialog
from gradtop.tui.framework.lines import Lines, TextLine
from gradtop.tui.mode import Key
from gradtop.tui.pages import PAGES
from gradtop.tui.widgets.options import Scrolled

NAME = 12  # cells for the name of a key, at least


class Help(Dialog[None]):
    """Shows keys under their headings, with a sentence on where they act."""

    CSS_PATH = "help.tcss"
    AUTO_FOCUS = "#keys"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", "close", id="help.close", tooltip="Close the help."),
    ]

    def __init__(self, where: str, about: str, groups: Iterable[tuple[str, Sequence[Key]]]) -> None:
        super().__init__()
        self._where, self._about, self._groups = where, about, groups

    @classmethod
    def of_mode(cls, name: str, table: tuple[Key, ...]) -> Self:
        """The keys of one mode: its own first."""
        mode = keys.mode_named(name)
        return cls(f"{keys.number(mode)} {mode.title}", mode.help, keys.groups(name, table))

    @classmethod
    def of_dialog(cls, dialog: Screen[Any]) -> Self:
        """All that is bound in a dialog and says what it does."""
        return cls("this dialog", "", [("", keys.of_bindings(active.binding for active in dialog.active_bindings.values()))])

    def compose(self) -> ComposeResult:
        with Scrolled(id="keys") as box:
            box.border_title = f"keys in {self._where}"
            box.border_subtitle = "esc closes"
            if self._about:
                yield Static(self._about, id="about", markup=False)
            for title, rows in self._groups:
                if title:
                    yield Static(title, classes="title", markup=False)
                yield KeyRows(rows)
            yield Static("documentation", classes="title", markup=False)
            yield Static(f"In a shell: gradtop help PAGE, with PAGE one of {', '.join(PAGES)}.", id="pages", markup=False)

    def on_screen_resume(self, event: events.ScreenResume) -> None:  # noqa: ARG002 - beside the one of all dialogs
        self.query_one("#keys").scroll_home(animate=False, immediate=True)


class KeyRows(Lines):
    """Two columns: the keys on the right edge of theirs, what they do wrapped in its own."""

    DEFAULT_CSS = "KeyRows { height: auto; }"

    def __init__(self, rows: Sequence[Key]) -> None:
        super().__init__()
        self._keys = rows

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - as Textual calls it
        return len(self.lines(width, 0))

    def lines(self, width: int, height: int) -> Sequence[TextLine]:  # noqa: ARG002 - as Lines calls it
        found: list[TextLine] = []
        name = max([NAME, *(cell_len(row.name) for row in self._keys)])
        for row in self._keys:
            first, *more = wrap(row.help, max(10, width - name - 3))
            found.append([(f"{row.name:>{name}}", "key"), (f"  {first}", "text")])
            found += [[(" " * (name + 2) + piece, "text")] for piece in more]
        return found
