"""4 Weights: the histogram of one parameter, and how it moved since the start."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget

from gradtop.trainer.analysis.formatting import number, shape
from gradtop.trainer.record.streams.registry import shown_by
from gradtop.tui import keys
from gradtop.tui.framework.lines import Lines, TextLine
from gradtop.tui.framework.mode_screen import ModeScreen, bindings
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.screens.weights.data import WeightsPart, WeightsView, read_weights
from gradtop.tui.screens.weights.text import figure_lines, figures, history_lines, title, waiting, when
from gradtop.tui.widgets.cells import refresh
from gradtop.tui.widgets.columns import Cell, TableColumn
from gradtop.tui.widgets.histogram import HistogramPlot, Shape
from gradtop.tui.widgets.table import Table

WIDE, NARROW = 100, 80
KEY = "weights.parameter"
BESIDE = 4  # cells that a text in a border takes beside its own


class Weights(ModeScreen):
    """A list of the parameters; the picture follows its cursor. Below 80 columns Tab changes between now and the start."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("weights")
    AUTO_FOCUS = "Table"
    mode = "weights"
    streams = shown_by(mode)
    read = staticmethod(read_weights)

    def __init__(self) -> None:
        super().__init__()
        self._chosen = ""
        self._drawn = ("", "")
        self._filter = ""
        self._turned = False

    def body(self) -> ComposeResult:
        with Horizontal(id="split"):
            yield Table([TableColumn("parameter", 22, 14, grow=True, keep="end"), TableColumn("shape", 12, priority=1)], id="names", filters=True)
            with Vertical(id="right"):
                with Vertical(id="now"):
                    yield Figures(id="figures")
                    yield HistogramPlot(id="plot")
                yield History(id="since")

    def on_mount(self) -> None:
        self._chosen = self.gradtop.memory.get(KEY)
        self.query_one("#names").border_title = "parameters"
        self.query_one("#since").border_title = "since the start"
        if self._chosen:
            self.query_one(Table).go(self._chosen)
        super().on_mount()

    def view(self) -> WeightsView:
        return WeightsView(self._chosen)

    def looked_at(self) -> tuple[str, ...]:
        part = self.snapshot.part
        known = [parameter.name for parameter in part.parameters] if isinstance(part, WeightsPart) else []
        return (self._chosen,) if self._chosen in known else tuple(known[:1])

    # Drawing

    def show(self, snapshot: Snapshot) -> None:
        part, facts = snapshot.part, snapshot.facts
        if facts.run is None or not isinstance(part, WeightsPart):
            self.explain("" if facts.run else f"No run is selected. {keys.name('mode.runs')} lists the runs, {keys.name('mode.tune')} starts one.")
            return
        if not part.parameters:
            starting = "The parameters follow after the first step."
            nothing = "This run has not recorded its parameters."
            self.explain(waiting(part, facts) if part.unreadable or not part.measured else starting if facts.alive else nothing)
            return
        self.explain("")
        if self.focused is None:
            self.set_focus(self.query_one(Table))
        self._show_names(part)
        if part.chosen != self._chosen and not self._chosen:
            self._chosen = part.chosen
            self.request_data()
        run = str(facts.run.path) if facts.run is not None else ""
        fresh, self._drawn = self._drawn != (run, part.chosen), (run, part.chosen)
        self._show_now(part, snapshot, fresh=fresh)
        self.query_one(History).show_part(part)

    def _show_names(self, part: WeightsPart) -> None:
        wanted = self._filter.casefold().split()
        named = {parameter.name: parameter for parameter in part.parameters if all(word in parameter.shown.casefold() for word in wanted)}

        def cells(name: str) -> Sequence[Cell]:
            parameter = named[name]
            return parameter.shown, (shape(parameter.shape) if parameter.shape else "", "muted")

        self.query_one(Table).show(tuple(named), cells, total=len(part.parameters))

    def _show_now(self, part: WeightsPart, snapshot: Snapshot, *, fresh: bool) -> None:
        now, pane, plot = part.now, self.query_one("#now"), self.query_one(HistogramPlot)
        named = next((title(each) for each in part.parameters if each.name == part.chosen), part.chosen)
        self.query_one(Figures).show_part(part)
        retitle(pane, named, when(now, snapshot.facts) if now is not None else "")
        if now is None:
            plot.show(None, waiting(part, snapshot.facts))
            return
        if not now.bins:
            plot.show(None, f"none of the {number(now.count)} weights is finite" if now.nonfinite else "non-finite weights: there is no range to draw")
            return
        plot.show(Shape(now.low, now.high, now.bins, now.mean if now.low <= now.mean <= now.high else None), fresh=fresh)

    # Keys

    def on_table_moved(self, message: Table.Moved) -> None:
        if message.key and message.key != self._chosen:
            self._chosen = message.key
            self.gradtop.remember(KEY, message.key)
            self.request_data()

    def on_table_filtered(self, message: Table.Filtered) -> None:
        self._filter = message.key
        self.receive(self.snapshot)

    def copied(self) -> tuple[str, str]:
        part = self.snapshot.part
        if not isinstance(part, WeightsPart) or part.now is None:
            return super().copied()
        values = ", ".join(f"{name} {value}" for name, value in figures(part.now))
        shown = next((parameter.shown for parameter in part.parameters if parameter.name == part.chosen), part.chosen)
        return f"{shown} at step {part.now.step:.0f}: {values}", "the figures"

    # What fits

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self._arrange()

    def _arrange(self) -> None:
        width = self.size.width
        self.set_class(width < NARROW, "-narrow")
        self.set_class(NARROW <= width < WIDE, "-medium")
        self.query_one("#now").display = width >= NARROW or not self._turned
        self.query_one("#since").display = width >= NARROW or self._turned
        self.refresh_bindings()

    def turn(self, step: int) -> None:
        if self.size.width >= NARROW:
            super().turn(step)
            return
        self._turned = not self._turned
        self._arrange()

    def label(self, identity: str | None, label: str) -> str:
        if identity == "next" and self.size.width < NARROW:
            return "now" if self._turned else "since the start"
        return super().label(identity, label)

    def back(self) -> bool:
        if not self._turned or self.size.width >= NARROW:
            return False
        self.turn(1)
        return True


class Figures(Lines):
    """Mean, deviation, ends, zeros."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._part = WeightsPart()

    def show_part(self, part: WeightsPart) -> None:
        self._part = part
        wanted = len(self.lines(self.parent_width, 9))
        if self.styles.height is None or self.styles.height.value != wanted:
            self.styles.height = wanted
        self._draw()

    @property
    def parent_width(self) -> int:
        return self.size.width or 80

    def on_resize(self) -> None:
        self.show_part(self._part)

    def lines(self, width: int, height: int) -> Sequence[TextLine]:  # noqa: ARG002 - as many as there are
        return figure_lines(self._part.now, width) if self._part.now is not None else []


class History(Lines):
    """How the chosen parameter moved."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._part = WeightsPart()

    def show_part(self, part: WeightsPart) -> None:
        if part is not self._part:
            self._part = part
            self._draw()

    def lines(self, width: int, height: int) -> Sequence[TextLine]:
        return history_lines(self._part, width, height) if self._part.now is not None else []


def retitle(pane: Widget, title: str, subtitle: str) -> None:
    """Set what stands in a border where it is another than before, and paint its cells; Textual would paint the whole pane."""
    width, height = pane.content_size
    for name, text in (("_border_title", title), ("_border_subtitle", subtitle)):
        before = str(getattr(pane, name) or "")
        if before != text:
            setattr(pane, name, Content(text))
            cells = min(width, max(cell_len(before), cell_len(text)) + BESIDE)
            refresh(pane, [Region(0, -1, cells, 1) if name == "_border_title" else Region(width - cells, height, cells, 1)])
