"""2 Parameters: the model as a tree, with what each module holds."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.app import ComposeResult

from gradtop.trainer.analysis import formatting
from gradtop.trainer.record import RunState
from gradtop.trainer.record.streams.registry import shown_by
from gradtop.tui import keys
from gradtop.tui.framework.lines import Lines, TextLine
from gradtop.tui.framework.mode_screen import ModeScreen, bindings
from gradtop.tui.framework.notices import no_run_text
from gradtop.tui.reading.model import NO_MODEL, Model, Node
from gradtop.tui.reading.snapshot import Facts, Snapshot
from gradtop.tui.screens.parameters.data import (
    MODEL,
    SORTS,
    ParametersPart,
    above,
    matching_rows,
    open_at_first,
    read_parameters,
    visible,
)
from gradtop.tui.widgets.columns import Cell, Piece, TableColumn
from gradtop.tui.widgets.table import Table

OPEN, SHUT = "▾ ", "▸ "
INDENT = 2
LARGEST_FIRST = ("parameters", "bytes")


class Parameters(ModeScreen):
    """A table over a tree: what is open, what matches the filter, and the totals."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("parameters")
    AUTO_FOCUS = "Table"
    mode = "parameters"
    streams = shown_by(mode)
    read = staticmethod(read_parameters)

    def __init__(self) -> None:
        super().__init__()
        self._model = NO_MODEL
        self._open: set[str] = set()
        self._sort, self._reverse = MODEL, False

    def on_mount(self) -> None:
        wanted = self.gradtop.memory.get("parameters.sort")
        self._sort = wanted if wanted in SORTS else MODEL

    def body(self) -> ComposeResult:
        yield Table(filters=True)
        yield Lines(id="totals")

    @property
    def table(self) -> Table:
        return self.query_one(Table)

    def show(self, snapshot: Snapshot) -> None:
        part = snapshot.part
        if snapshot.facts.run is None or not isinstance(part, ParametersPart):
            self.explain("" if snapshot.facts.run else no_run_text())
            return
        self.explain("")
        if self.focused is None:
            self.set_focus(self.table)
        self.table.set_empty(waiting_for(snapshot.facts, part))
        if part.model is not self._model:
            self._take(part.model)

    def _take(self, model: Model) -> None:
        """Another model: open what is worth it, and what leads to the row where the cursor was last time."""
        self._model = model
        self._open = open_at_first(model)
        last = self.table.key or self.gradtop.memory.get("parameters.row")
        self._open.update(above(model, last))
        self.table.set_columns(columns(model))
        self.query_one("#totals", Lines).show([totals(model)] if model.nodes else [])
        self._fill()
        self.table.go(last)

    def _fill(self) -> None:
        """Show the rows that are open, or those that match."""
        model, wanted = self._model, self.table.filter
        sort, reverse = self._sort, self._reverse
        rows, found = matching_rows(model, wanted, sort, reverse=reverse) if wanted else (visible(model, self._open, sort, reverse=reverse), 0)
        shown = set(rows)
        self.table.set_sorted(sort, descending=(sort in LARGEST_FIRST) != reverse)
        self.table.show(
            rows,
            lambda key: cells(model, model.nodes[key], is_open=shown.issuperset(model.nodes[key].children)),
            total=max(0, len(model.nodes) - 1),
            found=found,
        )
        self.refresh_bindings()

    # Keys

    def on_table_filtered(self) -> None:
        self._fill()

    def on_table_moved(self) -> None:
        if self.table.key:
            self.gradtop.remember("parameters.row", self.table.key)
        self.refresh_bindings()

    def on_table_sorted(self, message: Table.Sorted) -> None:
        self._reverse = message.key == self._sort and not self._reverse
        self._sort = message.key
        self.gradtop.remember("parameters.sort", self._sort)
        self._fill()

    def on_table_chosen(self) -> None:
        self.action_unfold()

    @property
    def node(self) -> Node | None:
        """What the cursor stands on."""
        return self._model.nodes.get(self.table.key)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in {"unfold", "open", "open_all", "shut_all"}:
            node = self.node
            acts = bool(self._model.nodes) if action.endswith("all") else node is not None and bool(node.children)
            return True if acts and not self.table.filter else None
        return super().check_action(action, parameters)

    def label(self, identity: str | None, label: str) -> str:
        if identity == "parameters.unfold" and self.table.key in self._open:
            return "close"
        return super().label(identity, label)

    def action_unfold(self) -> None:
        if (node := self.node) is not None and node.children and not self.table.filter:
            self._open ^= {node.key}
            self._fill()

    def action_open(self) -> None:
        """Open the module; the first row in it where it is open."""
        node = self.node
        if node is None or not node.children:
            return
        if node.key in self._open or self.table.filter:
            self.table.move(1)
        else:
            self.action_unfold()

    def action_shut(self) -> None:
        """Close the module; go to the one that it is in where it is closed."""
        node = self.node
        if node is None:
            return
        if node.key in self._open and not self.table.filter:
            self.action_unfold()
        elif node.parent:
            self.table.go(node.parent)

    def action_open_all(self) -> None:
        self._open = {key for key, node in self._model.nodes.items() if node.children}
        self._fill()

    def action_shut_all(self) -> None:
        """Close all but the model itself; the cursor goes to what its row is in."""
        key = self.table.key
        self._open = {self._model.root.key}
        inside = above(self._model, key)
        self._fill()
        if len(inside) > 1:
            self.table.go(inside[-2])

    def copied(self) -> tuple[str, str]:
        node = self.node
        if node is None:
            return super().copied()
        return f"{node.path or node.name} {node.count}", "name and number of parameters"


def waiting_for(facts: Facts, part: ParametersPart) -> str:
    """Why there is no model to show, and what brings it."""
    if part.unreadable:
        return f"the model cannot be shown: {part.unreadable}"
    if facts.setting("monitor.enabled") is False:
        return f"layers are not measured (monitor.enabled is false); {keys.name('mode.tune')} changes it"
    if facts.state in {RunState.CREATED, RunState.STARTING}:
        return "starting: the model follows with the first step, in a few seconds"
    return "the model follows with the first step" if facts.alive else f"the run ended before its first step: {keys.name('log')} shows the log, {keys.name('mode.tune')} starts another run"


# What a row says


def columns(model: Model) -> list[TableColumn]:
    """As wide as what they hold; where not all fit, those go first that say the least about this model."""
    nodes = list(model.nodes.values())
    frozen = any(node.trainable != node.count for node in nodes)
    mixed = len(model.root.dtypes) > 1 if nodes else False

    def width(name: str, texts: Sequence[str], most: int) -> int:
        return min(most, max([len(name), *map(cell_len, texts)]))

    kinds, shapes = width("kind", [node.kind for node in nodes], 20), width("shape", [node.shape for node in nodes], 16)
    formulas = width("formula", [formula(node) for node in nodes], 26)
    names = max([16, *(INDENT * node.depth + 2 + cell_len(node.name) for node in nodes)])
    return [
        TableColumn("module", min(44, names), least=min(names, 20), sort=MODEL),
        TableColumn("kind", kinds, least=min(kinds, 11), priority=4, sort="kind"),
        TableColumn("shape", shapes, priority=7),
        TableColumn("formula", formulas, least=min(formulas, 16), priority=1),
        TableColumn("parameters", width("parameters", [formatting.number(model.root.count)] if nodes else [], 16), right=True, sort="parameters"),
        TableColumn("share", 7, right=True, priority=2),
        TableColumn("trains", 6, priority=3 if frozen else 6),
        TableColumn("dtype", width("dtype", [dtype(node) for node in nodes], 9), priority=3 if mixed else 8),
        TableColumn("bytes", 8, right=True, priority=5, sort="bytes"),
    ]


def cells(model: Model, node: Node, *, is_open: bool) -> Sequence[Cell]:
    total = model.root.count
    quiet = "muted" if node.is_parameter or not node.count else "text"
    share = formatting.percent(node.count / total, 1) if total and node.count else ""
    return (
        [*indentation(node, is_open=is_open), (node.name, quiet)],
        (node.kind, "muted"),
        (node.shape, "muted"),
        (formula(node), "warning" if node.tied_to or node.could_be else quiet),
        (formatting.number(node.count) if node.count else "–", quiet),
        (share, "muted"),
        trains(node),
        (dtype(node), "muted"),
        (formatting.size(node.bytes) if node.count else "", "muted"),
    )


def indentation(node: Node, *, is_open: bool) -> list[Piece]:
    sign = (OPEN if is_open else SHUT) if node.children else "  "
    return [(" " * (INDENT * node.depth), "faint"), (sign, "primary")]


def formula(node: Node) -> str:
    if node.tied_to:
        return f"is {node.tied_to}"
    return f"could be {node.could_be}" if node.could_be else node.formula


def trains(node: Node) -> Piece:
    if not node.count:
        return ("", "muted")
    if node.trainable == node.count:
        return ("✓", "success")
    return ("frozen", "warning") if not node.trainable else ("partly", "warning")


def dtype(node: Node) -> str:
    return node.dtypes[0] if len(node.dtypes) == 1 else "mixed" if node.dtypes else ""


def totals(model: Model) -> TextLine:
    root = model.root
    words: list[tuple[str, str]] = []
    for label, value in (
        ("total", formatting.number(root.count)),
        ("trainable", formatting.number(root.trainable)),
        ("frozen", formatting.number(root.count - root.trainable)),
        ("tied", f"{formatting.number(model.tied)}{f' (saves {formatting.size(model.saved)})' if model.saved else ''}"),
        ("bytes", formatting.size(root.bytes)),
    ):
        words += [("   " if words else " ", "muted"), (f"{label} ", "muted"), (value, "strong" if label == "total" else "text")]
    words.append((f"   {', '.join(root.dtypes)}", "muted"))
    if model.could_save:
        words.append((f"   could be tied, saving {formatting.size(model.could_save)}", "warning"))
    return words
