"""1 Pruning: accuracy over the amount for each method, what each amount saves, and the sparsity of each layer."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal

from gradtop.trainer.jobs.prune.trial import PruneTrial, choice_text
from gradtop.trainer.metrics import metric_of
from gradtop.trainer.record import EMPTY_SERIES
from gradtop.trainer.record.streams.registry import SCORE, shown_by
from gradtop.tui.framework.lines import Lines, TextLine, wrapped
from gradtop.tui.framework.mode_screen import bindings
from gradtop.tui.screens.prune.data import PrunePart, amount_curve, read_pruning, written_checkpoints
from gradtop.tui.screens.prune.text import head, layer_lines, method_style, pruning_conclusion, remark, trial_rows
from gradtop.tui.screens.sweep_screen import SweepScreen
from gradtop.tui.widgets.chart import Curve
from gradtop.tui.widgets.chart_legend import Legend
from gradtop.tui.widgets.chart_styles import LINES
from gradtop.tui.widgets.glyphs import draws_unicode
from gradtop.tui.widgets.line_chart import LineChart
from gradtop.tui.widgets.ruler import Ruler

BESIDE = 100  # columns from which on chart and layers stand side by side
LEAST_PANES, PANES_SHARE = 9, 0.45  # rows, and of the rows that there are
HEAD_ROWS = 2
AMOUNT_RULER = Ruler("% pruned", whole=False)


class PruneScreen(SweepScreen):
    """A chart and the layers of one measurement, of which a small terminal shows one, and a row for each measurement."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("prune")
    mode = "prune"
    part_kind = PrunePart
    streams = shown_by(mode)
    read = staticmethod(read_pruning)
    news = staticmethod(written_checkpoints)

    def __init__(self) -> None:
        super().__init__()
        self._metric = 0
        self._layers_shown = False

    def body(self) -> ComposeResult:
        yield Lines(id="conclusion")
        with Horizontal(id="panes"):
            yield LineChart(id="curve", empty="comes with the first measurement")
            yield Lines(id="layers")
        yield Lines(id="trials")
        yield Lines(id="remark")

    def on_mount(self) -> None:
        self.query_one("#curve", LineChart).set_ruler(AMOUNT_RULER)

    @property
    def part(self) -> PrunePart:
        part = self.snapshot.part
        return part if isinstance(part, PrunePart) else PrunePart()

    @property
    def chosen(self) -> PruneTrial | None:
        return self.part.trials[self.at] if self.part.trials else None

    def layer_count(self) -> int:
        return len(self.part.about.layers)

    def draw(self) -> None:
        if not self.is_mounted:
            return
        beside = self.size.width >= BESIDE
        self.query_one("#curve").display = beside or not self._layers_shown
        self.query_one("#layers").display = beside or self._layers_shown
        said = max(2, len(self.conclusion()))
        self.query_one("#conclusion").styles.height = said
        room = (self.query_one("#body").size.height or self.size.height - 3) - said - 1
        panes = max(LEAST_PANES, int(room * PANES_SHARE))
        self.query_one("#trials").styles.height = max(HEAD_ROWS + 1, min(len(self.part.trials) + HEAD_ROWS, room - panes))
        self.call_after_refresh(self._draw)

    def conclusion(self) -> list[TextLine]:
        """What was found, over as many lines as it takes."""
        return wrapped(pruning_conclusion(self.part, self.chosen if self._at is not None else None), self.size.width - 1)

    def _draw(self) -> None:
        """Once the panes have their sizes."""
        if not self.is_mounted:
            return
        part = self.part
        self.query_one("#conclusion", Lines).show(self.conclusion())
        self.query_one("#remark", Lines).show([remark(part)])
        self._draw_curves()
        table = self.query_one("#trials", Lines)
        legend = Legend(unicode=draws_unicode(self))
        samples = [legend.sample(Curve("", EMPTY_SERIES, style)) for style in LINES]
        width, height = table.size
        table.show([*head(part, width), *trial_rows(part, self.at, samples, width, height - HEAD_ROWS)] if part.trials else [])
        self.draw_layers()

    def _draw_curves(self) -> None:
        part, chart = self.part, self.query_one("#curve", LineChart)
        figure = part.metrics[self._metric % len(part.metrics)]
        chart.border_title = f"{metric_of(part.about.metric if figure == SCORE else figure).title} by amount"
        lines = [Curve("", series, method_style(place), text="") for place, method in enumerate(part.methods) if (series := amount_curve(part.trials, method, figure)).x]
        marks = [(100 * self.chosen.amount, "")] if self.chosen is not None and self.chosen.method else []
        chart.set_series(lines, marks=marks, x_min=0.0, x_max=100.0, smooth=False)

    def draw_layers(self) -> None:
        chosen = self.chosen
        if chosen is None or chosen.error:
            lines = self.query_one("#layers", Lines)
            lines.border_title = "sparsity by layer"
            lines.show([])
            return
        lines, which = self.layers_in_view()
        lines.border_title = f"sparsity by layer, {choice_text(chosen.method, chosen.amount)}{which}"
        lines.show(list(layer_lines(chosen, self.part.about, self._first_layer, *lines.size, block=self.block)))

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "fork":
            return True if self.is_mounted and self.part.written else None
        if action == "next_metric":
            return True if self.is_mounted and self.part.trials else None
        if action == "turn_panes":
            return True if self.is_mounted and self.size.width < BESIDE else None
        return super().check_action(action, parameters)

    def label(self, identity: str | None, label: str) -> str:
        if identity == "prune.panes":
            return "chart" if self._layers_shown else "layers"
        if identity == "prune.next" and self.size.width < BESIDE:
            return ""  # arrows say themselves; the pane that is not seen needs the room
        return super().label(identity, label)

    def action_next_metric(self) -> None:
        self._metric += 1
        self._draw_curves()

    def action_turn_panes(self) -> None:
        self._layers_shown = not self._layers_shown
        self.draw()
        self.refresh_bindings()

    def action_write(self) -> None:
        """The amount under the cursor."""
        chosen = self.chosen
        if chosen is not None and self.can_write():
            text = choice_text(chosen.method, chosen.amount)
            self.ask_to_write(f"Write the checkpoint with {text} pruned?", "Pruning is made permanent in a checkpoint of this run.", text, f"{chosen.method}:{chosen.amount!r}")

    def action_fork(self) -> None:
        """Tune over this run, whose checkpoint is the pruned one."""
        run = self.snapshot.facts.run
        if run is not None and self.part.written:
            self.gradtop.watch_run(run, "tune")

    def copied(self) -> tuple[str, str]:
        if (chosen := self.chosen) is not None and chosen.method:
            return f"{chosen.method}:{chosen.amount:g}", "the method and the amount"
        return super().copied()
