"""Which columns a list has: a list of all there could be, found letter by letter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from gradtop.tui.framework.dialog import Dialog
from gradtop.tui.reading.metrics import matching
from gradtop.tui.widgets.columns import Cell, TableColumn
from gradtop.tui.widgets.table import Table

NAME = 18  # cells of a name that something is said of; keys of the configuration, which are longer, speak for themselves


class ColumnPicker(Dialog[None]):
    """Each choice takes effect at once: `choose` gets the names of the chosen columns, in the order in which they were chosen."""

    CSS_PATH = "columns.tcss"
    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "back", id="columns.back", tooltip="Back to the list."),
        Binding("down,ctrl+n", "move(1)", "down", id="columns.down", tooltip="Next column."),
        Binding("up,ctrl+p", "move(-1)", "up", id="columns.up", tooltip="Previous column.", priority=True),
        Binding("pagedown", "move(10)", "page down", id="columns.pagedown", tooltip="Ten columns down."),
        Binding("pageup", "move(-10)", "page up", id="columns.pageup", tooltip="Ten columns up."),
        Binding("ctrl+r", "usual", "default", id="columns.usual", tooltip="The default columns."),
    ]

    def __init__(self, names: Mapping[str, str], chosen: Sequence[str], usual: Sequence[str], choose: Callable[[Sequence[str]], object]) -> None:
        """`names` has what is said of each."""
        super().__init__()
        self._names, self._chosen, self._usual, self._choose = names, list(chosen), usual, choose

    def compose(self) -> ComposeResult:
        with Vertical(id="picker"):
            yield Input(compact=True, placeholder="find a column, a key of the configuration or a metric")
            yield Table((TableColumn("", 1), TableColumn("column", 30, grow=True)))

    def on_mount(self) -> None:
        pane = self.query_one("#picker")
        pane.border_title, pane.border_subtitle = "columns", "enter adds or removes · ctrl+r default · esc closes"
        self.query_one(Table).can_focus = False
        self._show()

    def _show(self) -> None:
        typed = self.query_one(Input).value
        table = self.query_one(Table)
        table.set_empty(f"nothing matches “{typed}”")
        table.show(matching(dict.fromkeys((*(name for name in self._chosen if name in self._names), *self._names)), typed), self._cells)

    def _cells(self, name: str) -> Sequence[Cell]:
        said = self._names[name].replace("`", "")
        return [("✓" if name in self._chosen else "", "success"), [(f"{name:<{NAME}} " if said else name, "text"), (said, "muted")]]

    def on_input_changed(self) -> None:
        self._show()
        self.query_one(Table).move(-len(self._names))

    def on_input_submitted(self) -> None:
        self._toggle(self.query_one(Table).key)

    def on_table_chosen(self, message: Table.Chosen) -> None:
        self._toggle(message.key)

    def _toggle(self, name: str) -> None:
        if not name:
            return
        self._chosen = [each for each in self._chosen if each != name] if name in self._chosen else [*self._chosen, name]
        self._choose(self._chosen)
        self.query_one(Table).redraw()

    def action_move(self, rows: int) -> None:
        self.query_one(Table).move(rows)

    def action_usual(self) -> None:
        self._chosen = list(self._usual)
        self._choose(self._chosen)
        self._show()
