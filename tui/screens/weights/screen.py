"""4 Weights: the histogram of one parameter, and how it moved since the start."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from gradtop.trainer.analysis.formatting import number, shape
from gradtop.trainer.record.streams.registry import shown_by
from gradtop.tui.framework.lines import Lines, TextLine
from gradtop.tui.framework.mode_screen import ModeScreen, bindings
from gradtop.tui.framework.notices import no_run_text
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.screens.weights.data import WeightsPart, WeightsView, read_weights
from gradtop.tui.screens.weights.picture_pane import PicturePane
from gradtop.tui.screens.weights.text import figure_lines, figures, history_lines, shape_title, waiting, when
from gradtop.tui.widgets.border import retitle
from gradtop.tui.widgets.columns import Cell, TableColumn
from gradtop.tui.widgets.histogram import HistogramPlot, HistogramShape
from gradtop.tui.widgets.table import Table

if TYPE_CHECKING:
    from gradtop.trainer.record.pictures import Wanted

WIDE, NARROW = 100, 80
KEY, SORT = "weights.parameter", "weights.sort"
MODEL, SIZE = "model", "size"  # orders: that of the model, the largest first


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
        self._sort, self._reverse = MODEL, False

    def body(self) -> ComposeResult:
        with Horizontal(id="split"):
            yield Table([TableColumn("parameter", 22, 14, grow=True, keep="end", sort=MODEL), TableColumn("shape", 12, priority=1, sort=SIZE)], id="names", filters=True)
            with Vertical(id="right"):
                with Vertical(id="now"):
                    yield WeightStatistics(id="figures")
                    yield HistogramPlot(id="plot")
                yield WeightHistory(id="since")
                yield PicturePane(id="picture-pane")

    def on_mount(self) -> None:
        self._chosen = self.gradtop.memory.get(KEY)
        self._sort = SIZE if self.gradtop.memory.get(SORT) == SIZE else MODEL
        self.query_one("#names").border_title = "parameters"
        self.query_one("#since").border_title = "since the start"
        if self._chosen:
            self.query_one(Table).go(self._chosen)

    def view(self) -> WeightsView:
        return WeightsView(self._chosen, self.query_one(PicturePane).wanted)

    def looked_at(self) -> tuple[str, ...]:
        part = self.snapshot.part
        known = [parameter.name for parameter in part.parameters] if isinstance(part, WeightsPart) else []
        return (self._chosen,) if self._chosen in known else tuple(known[:1])

    def pictured(self) -> tuple[Wanted, ...]:
        part, wanted = self.snapshot.part, self.query_one(PicturePane).wanted
        return (wanted,) if wanted is not None and isinstance(part, WeightsPart) and part.measured else ()

    # Drawing

    def show(self, snapshot: Snapshot) -> None:
        part, facts = snapshot.part, snapshot.facts
        if facts.run is None or not isinstance(part, WeightsPart):
            self.explain("" if facts.run else no_run_text())
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
        pictures = self.query_one(PicturePane)
        had = pictures.has_average
        pictures.show_part(part, facts)
        if pictures.has_average != had:
            self.refresh_bindings()
        self._show_now(part, snapshot, fresh=fresh)
        self.query_one(WeightHistory).show_part(part)

    def _show_names(self, part: WeightsPart) -> None:
        wanted = self._filter.casefold().split()
        found = [parameter for parameter in part.parameters if all(word in parameter.shown.casefold() for word in wanted)]
        found = sorted(found, key=lambda parameter: -prod(parameter.shape)) if self._sort == SIZE else found
        named = {parameter.name: parameter for parameter in (reversed(found) if self._reverse else found)}

        def cells(name: str) -> Sequence[Cell]:
            parameter = named[name]
            return parameter.shown, (shape(parameter.shape) if parameter.shape else "", "muted")

        table = self.query_one(Table)
        table.set_sorted(self._sort, descending=(self._sort == SIZE) != self._reverse)
        table.show(tuple(named), cells, total=len(part.parameters))

    def _show_now(self, part: WeightsPart, snapshot: Snapshot, *, fresh: bool) -> None:
        now, pane, plot = part.now, self.query_one("#now"), self.query_one(HistogramPlot)
        named = next((shape_title(each) for each in part.parameters if each.name == part.chosen), part.chosen)
        self.query_one(WeightStatistics).show_part(part)
        retitle(pane, named, when(now, snapshot.facts, averaged=part.averaged) if now is not None else "")
        if now is None:
            plot.show(None, waiting(part, snapshot.facts))
            return
        if not now.bins:
            plot.show(None, f"none of the {number(now.count)} weights is finite" if now.nonfinite else "non-finite weights: there is no range to draw")
            return
        plot.show(HistogramShape(now.low, now.high, now.bins, now.mean if now.low <= now.mean <= now.high else None), fresh=fresh)

    # Keys

    def on_table_moved(self, message: Table.Moved) -> None:
        if message.key and message.key != self._chosen:
            self._chosen = message.key
            self.gradtop.remember(KEY, message.key)
            self.query_one(PicturePane).turn_to(message.key)
            self.request_data()

    def on_table_filtered(self, message: Table.Filtered) -> None:
        self._filter = message.key
        self.receive(self.snapshot)

    def on_table_sorted(self, message: Table.Sorted) -> None:
        self._reverse = message.key == self._sort and not self._reverse
        self._sort = message.key
        self.gradtop.remember(SORT, self._sort)
        self.receive(self.snapshot)

    def on_picture_pane_changed(self) -> None:
        """Another picture is wanted, or none."""
        self._arrange()
        self.request_data()

    def action_kernels(self) -> None:
        self.query_one(PicturePane).show_kernels(self._chosen)

    def action_map(self) -> None:
        self.query_one(PicturePane).show_map(self._chosen)

    def action_walk(self, step: int) -> None:
        self.query_one(PicturePane).walk(step)

    def action_channel(self, step: int) -> None:
        self.query_one(PicturePane).walk_channels(step)

    def action_average(self) -> None:
        self.query_one(PicturePane).change_average()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in {"walk", "channel"}:
            return True if any(pane.has_kernels for pane in self.walk_children(PicturePane)) else None
        if action == "average":
            return True if any(pane.has_average for pane in self.walk_children(PicturePane)) else None
        if action in {"kernels", "map"}:
            return True if self._chosen else None
        return super().check_action(action, parameters)

    @property
    def is_inside(self) -> bool:
        return any(pane.is_open for pane in self.walk_children(PicturePane))

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
        pictured = self.query_one(PicturePane).is_open
        self.query_one(PicturePane).display = pictured
        self.query_one("#now").display = not pictured and (width >= NARROW or not self._turned)
        self.query_one("#since").display = not pictured and (width >= NARROW or self._turned)
        self.refresh_bindings()

    def turn(self, step: int) -> None:
        if self.size.width >= NARROW or self.is_inside:
            super().turn(step)
            return
        self._turned = not self._turned
        self._arrange()

    def label(self, identity: str | None, label: str) -> str:
        if identity == "weights.kernels" and self.is_inside and self.query_one(PicturePane).has_kernels:
            return ""  # the place in the key bar is for what walks them; esc leads back as well
        if identity == "weights.average":
            return self.query_one(PicturePane).other_weights
        if identity == "weights.map" and self.is_inside:
            return self.query_one(PicturePane).other_map
        if identity == "next" and self.size.width < NARROW and not self.is_inside:
            return "now" if self._turned else "history"
        return super().label(identity, label)

    def back(self) -> bool:
        if self.is_inside:
            self.query_one(PicturePane).shut()
            return True
        if not self._turned or self.size.width >= NARROW:
            return False
        self.turn(1)
        return True


class WeightStatistics(Lines):
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


class WeightHistory(Lines):
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
