"""1 Init: initializations side by side: losses of the first steps, weights of a layer, activations and gradients by depth."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Grid

from gradtop.trainer.record import EMPTY_SERIES, Series
from gradtop.trainer.record.streams.registry import shown_by
from gradtop.tui.framework.lines import Lines, wrapped
from gradtop.tui.framework.mode_screen import ModeScreen, bindings
from gradtop.tui.framework.notices import no_run_text
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.screens.init_comparison.data import InitPart, read_inits
from gradtop.tui.screens.init_comparison.text import HEAD, WIDE, conclusion, init_rows, style_of
from gradtop.tui.widgets.border import retitle
from gradtop.tui.widgets.chart import Curve
from gradtop.tui.widgets.chart_legend import Legend
from gradtop.tui.widgets.chart_styles import LINES
from gradtop.tui.widgets.glyphs import draws_unicode
from gradtop.tui.widgets.line_chart import LineChart
from gradtop.tui.widgets.ruler import Ruler

LEAST = 9  # rows of a chart
TITLES = {
    "losses": "training loss, mean of the seeds", "weights": "weights", "activations": "activations by layer, std",
    "gradients": "weight gradients by layer, RMS",
}  # fmt: skip
RULERS = {"losses": Ruler(), "weights": Ruler("weight", whole=False), "activations": Ruler("layer"), "gradients": Ruler("layer")}
CONCLUSION = 2  # rows


class InitScreen(ModeScreen):
    """A row for each initialization, and four charts, of which a small terminal shows one or two at a time."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("init_comparison")
    mode = "init_comparison"
    streams = shown_by(mode)
    read = staticmethod(read_inits)

    def __init__(self) -> None:
        super().__init__()
        self._at: int | None = None
        self._layer = 0
        self._page = 0

    def body(self) -> ComposeResult:
        yield Lines(id="inits")
        yield Lines(id="conclusion")
        with Grid(id="charts"):
            for name in TITLES:
                yield LineChart(id=name, empty="comes with the first measurement")

    def on_mount(self) -> None:
        for name, title in TITLES.items():
            chart = self.query_one(f"#{name}", LineChart)
            chart.border_title = title
            chart.set_ruler(RULERS[name])

    @property
    def part(self) -> InitPart:
        part = self.snapshot.part
        return part if isinstance(part, InitPart) else InitPart()

    @property
    def at(self) -> int:
        """The row under the cursor: the best, until somebody moves it."""
        names = [each.init for each in self.part.ranking.inits]
        best = names.index(self.part.ranking.best) if self.part.ranking.best in names else 0
        return min(self._at if self._at is not None else best, max(len(names) - 1, 0))

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.call_after_refresh(self._lay_out)

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.facts.run is None or not isinstance(snapshot.part, InitPart):
            self.explain("" if snapshot.facts.run else no_run_text())
            return
        self.explain("")
        self._lay_out()
        self._list()
        self._draw_charts()
        self.refresh_bindings()

    # Layout

    @property
    def _shape(self) -> tuple[int, int]:
        """Columns and rows of charts; two stand side by side where the rows have room, too."""
        size = self.size
        above = len(HEAD) + len(self.part.ranking.inits) + CONCLUSION
        columns = 2 if size.width >= WIDE else 1
        tall = (self.query_one("#body").size.height or size.height - 3) - above
        return columns, max(1, min(len(TITLES) // columns, tall // LEAST))

    @property
    def _pages(self) -> int:
        columns, tall = self._shape
        return -(-len(TITLES) // (columns * tall))

    def _lay_out(self) -> None:
        if not self.is_mounted:
            return
        columns, tall = self._shape
        self._page %= self._pages
        first = self._page * columns * tall
        seen = list(TITLES)[first : first + columns * tall]
        grid = self.query_one("#charts", Grid)
        for chart in grid.children:
            chart.display = chart.id in seen
        grid.styles.grid_size_columns, grid.styles.grid_size_rows = columns, -(-len(seen) // columns)
        self.query_one("#inits").styles.height = len(HEAD) + max(len(self.part.ranking.inits), 1)
        self._list()

    def _list(self) -> None:
        part = self.part
        self.query_one("#inits", Lines).show([*HEAD, *init_rows(part, self.at, self._samples(), self.size.width)])
        line = conclusion(part, part.ranking.inits[self.at] if self._at is not None and part.ranking.inits else None)
        self.query_one("#conclusion", Lines).show(wrapped(line, self.query_one("#conclusion").size.width))

    def _samples(self) -> list[str]:
        legend = Legend(unicode=draws_unicode(self))
        return [legend.sample(Curve("", EMPTY_SERIES, style)) for style in LINES]

    def _draw_charts(self) -> None:
        part = self.part
        self._layer = min(self._layer, max(len(part.layers) - 1, 0))
        mark = [(float(self._layer + 1), "")] if len(part.layers) > 1 else []
        self._draw("losses", [each.loss for each in part.curves], x_min=1.0, x_max=float(part.steps))
        for name, curves in (("activations", [each.activations for each in part.curves]), ("gradients", [each.gradients for each in part.curves])):
            self._draw(name, curves, log=True, marks=mark, x_min=1.0, x_max=float(max(len(part.layers), 2)))
        curves = list(part.weights[self._layer]) if part.layers else []
        ends = next(((series.first, series.last) for series in curves if series.x), (-1.0, 1.0))
        self._draw("weights", curves, x_min=ends[0], x_max=ends[1], y_range=(0.0, 1.0))
        if part.layers:
            self._title_weights(part)

    def _title_weights(self, part: InitPart) -> None:
        """The layer, of a long name its end; a chart that is not shown has no size yet."""
        chart, name = self.query_one("#weights"), part.layers[self._layer]
        place, peak = f"{self._layer + 1}/{len(part.layers)}", ", peak = 1"
        room = (chart.size.width or self.size.width) - len(place) - len(peak) - 6
        retitle(chart, f"{place} {name if len(name) <= room else '…' + name[len(name) - max(room, 8) + 1 :]}{peak}", "")

    def _draw(
        self, name: str, curves: Sequence[Series], *, x_min: float, x_max: float, log: bool = False, marks: Sequence[tuple[float, str]] = (), y_range: tuple[float, float] | None = None
    ) -> None:
        # Without a legend, which hides lines in a small chart: the rows of the table are one.
        lines = [Curve("", series, style_of(place), text="") for place, series in enumerate(curves) if series.x]
        self.query_one(f"#{name}", LineChart).set_series(lines, log=log, marks=marks, x_min=x_min, x_max=x_max, y_range=y_range, smooth=False)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in {"use", "choose"}:
            return True if self.is_mounted and self.part.ranking.inits else None
        if action == "walk":
            return True if self.is_mounted and len(self.part.layers) > 1 else None
        if action == "turn_charts":
            return True if self.is_mounted and self._pages > 1 else None
        return super().check_action(action, parameters)

    def action_choose(self, step: int) -> None:
        if self.part.ranking.inits:
            self._at = (self.at + step) % len(self.part.ranking.inits)
            self._list()

    def action_walk(self, step: int) -> None:
        if self.part.layers:
            self._layer = (self._layer + step) % len(self.part.layers)
            self._draw_charts()

    def action_turn_charts(self) -> None:
        self._page += 1
        self._lay_out()
        self.refresh_bindings()

    def action_use(self) -> None:
        """Put the initialization under the cursor into Tune: over the run that was measured, or over the configuration itself."""
        run = self.part.source or self.snapshot.facts.run
        if run is not None and self.part.ranking.inits:
            self.gradtop.tune(run, {"init.kind": self.part.ranking.inits[self.at].init})

    def copied(self) -> tuple[str, str]:
        if self.part.ranking.inits:
            return f"init.kind={self.part.ranking.inits[self.at].init}", "the initialization"
        return super().copied()
