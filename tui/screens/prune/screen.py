"""1 Pruning: accuracy over the amount for each method, what each amount saves, and the sparsity of each layer."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from gradtop.trainer.jobs.prune.trial import PruneTrial, choice_text
from gradtop.trainer.metrics import METRICS
from gradtop.trainer.record import EMPTY_SERIES
from gradtop.trainer.record.streams.registry import SCORE, shown_by
from gradtop.tui.framework.carried_out import carry_out
from gradtop.tui.framework.lines import Lines, wrapped
from gradtop.tui.framework.mode_screen import ModeScreen, bindings, no_run_text
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.screens.prune.data import PrunePart, amount_curve, read_pruning, written_checkpoints
from gradtop.tui.screens.prune.text import head, layer_lines, method_style, pruning_conclusion, remark, trial_rows
from gradtop.tui.widgets.chart import Curve
from gradtop.tui.widgets.chart_legend import Legend
from gradtop.tui.widgets.chart_styles import LINES
from gradtop.tui.widgets.glyphs import draws_unicode
from gradtop.tui.widgets.line_chart import LineChart
from gradtop.tui.widgets.ruler import Ruler

BLOCK, ASCII_BLOCK = "▆", "#"
BESIDE = 100  # columns from which on chart and layers stand side by side
LEAST_PANES, PANES_SHARE = 9, 0.45  # rows, and of the rows that there are
HEAD_ROWS = 2
AMOUNT_RULER = Ruler("% pruned", whole=False)


class PruneScreen(ModeScreen):
    """A chart and the layers of one measurement, of which a small terminal shows one, and a row for each measurement."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("prune")
    mode = "prune"
    streams = shown_by(mode)
    read = staticmethod(read_pruning)
    news = staticmethod(written_checkpoints)

    def __init__(self) -> None:
        super().__init__()
        self._at: int | None = None
        self._metric = 0
        self._first_layer = 0
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
    def at(self) -> int:
        """The row under the cursor: the largest amount that costs nothing, until somebody moves it."""
        place = self._at if self._at is not None else self.part.best or 0
        return min(place, max(len(self.part.trials) - 1, 0))

    @property
    def chosen(self) -> PruneTrial | None:
        return self.part.trials[self.at] if self.part.trials else None

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.call_after_refresh(self._lay_out)

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.facts.run is None or not isinstance(snapshot.part, PrunePart):
            self.explain("" if snapshot.facts.run else no_run_text())
            return
        self.explain("")
        self._lay_out()
        self.refresh_bindings()

    def _lay_out(self) -> None:
        if not self.is_mounted:
            return
        beside = self.size.width >= BESIDE
        self.query_one("#curve").display = beside or not self._layers_shown
        self.query_one("#layers").display = beside or self._layers_shown
        said = 2 if beside else 3
        self.query_one("#conclusion").styles.height = said
        room = (self.query_one("#body").size.height or self.size.height - 3) - said - 1
        panes = max(LEAST_PANES, int(room * PANES_SHARE))
        self.query_one("#trials").styles.height = max(HEAD_ROWS + 1, min(len(self.part.trials) + HEAD_ROWS, room - panes))
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        """Once the panes have their sizes."""
        if not self.is_mounted:
            return
        part, chosen = self.part, self.chosen
        lines = self.query_one("#conclusion", Lines)
        lines.show(wrapped(pruning_conclusion(part, chosen if self._at is not None else None), lines.size.width))
        self.query_one("#remark", Lines).show([remark(part)])
        self._draw_curves()
        table = self.query_one("#trials", Lines)
        legend = Legend(unicode=draws_unicode(self))
        samples = [legend.sample(Curve("", EMPTY_SERIES, style)) for style in LINES]
        width, height = table.size
        table.show([*head(part, width), *trial_rows(part, self.at, samples, width, height - HEAD_ROWS)] if part.trials else [])
        self._draw_layers(chosen)

    def _draw_curves(self) -> None:
        part, chart = self.part, self.query_one("#curve", LineChart)
        figure = part.metrics[self._metric % len(part.metrics)]
        chart.border_title = f"{METRICS[part.about.metric if figure == SCORE else figure].title} by amount"
        lines = [Curve("", series, method_style(place), text="") for place, method in enumerate(part.methods) if (series := amount_curve(part.trials, method, figure)).x]
        marks = [(100 * self.chosen.amount, "")] if self.chosen is not None and self.chosen.method else []
        chart.set_series(lines, marks=marks, x_min=0.0, x_max=100.0, smooth=False)

    def _draw_layers(self, chosen: PruneTrial | None) -> None:
        lines = self.query_one("#layers", Lines)
        if chosen is None or chosen.error:
            lines.border_title = "sparsity by layer"
            lines.show([])
            return
        width, height = lines.size
        count = len(chosen.layers)
        self._first_layer = max(0, min(self._first_layer, count - height)) if height else 0
        more = f", {self._first_layer + 1}–{min(self._first_layer + height, count)} of {count}" if count > height > 0 else ""
        lines.border_title = f"sparsity by layer, {choice_text(chosen.method, chosen.amount)}{more}"
        lines.show(list(layer_lines(chosen, self.part.about, self._first_layer, width, height, block=BLOCK if draws_unicode(self) else ASCII_BLOCK)))

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "write":
            return True if self.is_mounted and self.chosen is not None and self.chosen.method and not self.chosen.error else None
        if action == "fork":
            return True if self.is_mounted and self.part.written else None
        if action in {"choose", "next_metric"}:
            return True if self.is_mounted and self.part.trials else None
        if action == "walk":
            return True if self.is_mounted and len(self.part.about.layers) > self.query_one("#layers").size.height > 0 else None
        if action == "turn_panes":
            return True if self.is_mounted and self.size.width < BESIDE else None
        return super().check_action(action, parameters)

    def action_choose(self, step: int) -> None:
        if self.part.trials:
            self._at = (self.at + step) % len(self.part.trials)
            self._draw()
            self.refresh_bindings()

    def action_next_metric(self) -> None:
        self._metric += 1
        self._draw_curves()

    def action_walk(self, step: int) -> None:
        self._first_layer += step
        self._draw_layers(self.chosen)

    def action_turn_panes(self) -> None:
        self._layers_shown = not self._layers_shown
        self._lay_out()

    def action_write(self) -> None:
        """Ask, and have the amount under the cursor written as a checkpoint of this run, in place of an earlier one."""
        from gradtop.tui.dialogs.confirm import Confirm

        run, chosen = self.snapshot.facts.run, self.chosen
        if run is None or chosen is None or not chosen.method or chosen.error:
            return
        text = choice_text(chosen.method, chosen.amount)
        instead = f" It takes the place of what is there ({self.part.written})." if self.part.written else ""

        def write(yes: bool | None) -> None:
            if yes:
                carry_out(self.gradtop, f"write {text}", ("prune", run.where, "--write", f"{chosen.method}:{chosen.amount!r}"))

        self.app.push_screen(Confirm(f"Write the checkpoint with {text} pruned?", f"Pruning is made permanent in a checkpoint of this run.{instead}", "write", "back"), write)

    def action_fork(self) -> None:
        """Tune over this run, whose checkpoint is the pruned one."""
        run = self.snapshot.facts.run
        if run is not None and self.part.written:
            self.gradtop.watch_run(run, "tune")

    def copied(self) -> tuple[str, str]:
        if (chosen := self.chosen) is not None and chosen.method:
            return f"{chosen.method}:{chosen.amount:g}", "the method and the amount"
        return super().copied()
