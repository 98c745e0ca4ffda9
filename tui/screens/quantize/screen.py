"""1 Quantization: what each method costs and saves, and the noise of each layer of the one under the cursor."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult

from gradtop.trainer.jobs.quantize.trial import QuantizeTrial
from gradtop.trainer.record.streams.registry import shown_by
from gradtop.tui.framework.carried_out import carry_out
from gradtop.tui.framework.lines import Lines, TextLine, wrapped
from gradtop.tui.framework.mode_screen import ModeScreen, bindings, no_run_text
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.screens.quantize.data import QuantizePart, read_quantization
from gradtop.tui.screens.quantize.text import method_remarks, method_row, noise_lines, quantize_head
from gradtop.tui.widgets.glyphs import draws_unicode

BLOCK, ASCII_BLOCK = "▆", "#"
HEAD_ROWS, LEAST_METHODS, MOST_SAID, PADDING = 2, 2, 5, 2


class QuantizeScreen(ModeScreen):
    """The verdict, a row for each method, remarks, and a bar for each layer."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("quantize")
    mode = "quantize"
    streams = shown_by(mode)
    read = staticmethod(read_quantization)

    def __init__(self) -> None:
        super().__init__()
        self._at: int | None = None
        self._first_layer = 0
        self._outputs = True

    def body(self) -> ComposeResult:
        yield Lines(id="conclusion")
        yield Lines(id="methods")
        yield Lines(id="remarks")
        yield Lines(id="layers")

    @property
    def part(self) -> QuantizePart:
        part = self.snapshot.part
        return part if isinstance(part, QuantizePart) else QuantizePart()

    @property
    def at(self) -> int:
        """The row under the cursor: the fastest dynamic method, until somebody moves it."""
        return min(self._at if self._at is not None else self.part.best, max(len(self.part.trials) - 1, 0))

    @property
    def chosen(self) -> QuantizeTrial | None:
        return self.part.trials[self.at] if self.part.trials else None

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.call_after_refresh(self._draw)

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.facts.run is None or not isinstance(snapshot.part, QuantizePart):
            self.explain("" if snapshot.facts.run else no_run_text())
            return
        self.explain("")
        self._draw()
        self.refresh_bindings()

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        part, chosen, width = self.part, self.chosen, self.size.width
        self._say("#conclusion", [wrapped([(part.verdict or "comes with the first dynamic method", "strong" if part.verdict else "muted")], width - PADDING)])
        methods = self.query_one("#methods", Lines)
        methods.styles.height = HEAD_ROWS + max(len(part.trials), LEAST_METHODS)
        rows = [method_row(part, each, width, cursor=place == self.at) for place, each in enumerate(part.trials)]
        methods.show([*quantize_head(part, width), *rows] if rows else [])
        self._say("#remarks", [wrapped([(text, "muted")], width - PADDING) for text in method_remarks(part, chosen, width)])
        self.call_after_refresh(self._draw_layers)

    def _say(self, name: str, paragraphs: list[list[TextLine]]) -> None:
        """So much of it as leaves room for the layers."""
        said = [line for paragraph in paragraphs for line in paragraph][:MOST_SAID]
        lines = self.query_one(name, Lines)
        lines.styles.height = max(len(said), 1)
        lines.show(said)

    def _draw_layers(self) -> None:
        if not self.is_mounted:
            return
        lines, chosen = self.query_one("#layers", Lines), self.chosen
        what = "outputs" if self._outputs else "weights"
        title = f"signal to quantization noise of {what} by layer"
        if chosen is None or not chosen.layers:
            lines.border_title = title
            lines.show([])
            return
        width, height = lines.size
        count = len(chosen.layers)
        self._first_layer = max(0, min(self._first_layer, count - height)) if height else 0
        more = f", {self._first_layer + 1}–{min(self._first_layer + height, count)} of {count}" if count > height > 0 else ""
        lines.border_title = f"{title}, {chosen.method}{more}"
        lines.show(list(noise_lines(chosen, self._first_layer, width, height, outputs=self._outputs, block=BLOCK if draws_unicode(self) else ASCII_BLOCK)))

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "write":
            return True if self.is_mounted and self.chosen is not None and self.chosen.method and not self.chosen.error else None
        if action in {"choose", "turn_noise"}:
            return True if self.is_mounted and self.part.trials else None
        if action == "walk":
            chosen = self.chosen
            return True if self.is_mounted and chosen is not None and len(chosen.layers) > self.query_one("#layers").size.height > 0 else None
        return super().check_action(action, parameters)

    def action_choose(self, step: int) -> None:
        if self.part.trials:
            self._at = (self.at + step) % len(self.part.trials)
            self._draw()
            self.refresh_bindings()

    def action_walk(self, step: int) -> None:
        self._first_layer += step
        self._draw_layers()

    def action_turn_noise(self) -> None:
        self._outputs = not self._outputs
        self._draw_layers()

    def action_write(self) -> None:
        """Ask, and have the result of the method under the cursor written as a checkpoint of this run, in place of an earlier one."""
        from gradtop.tui.dialogs.confirm import Confirm

        run, chosen = self.snapshot.facts.run, self.chosen
        if run is None or chosen is None or not chosen.method or chosen.error:
            return
        instead = f" It takes the place of what is there ({self.part.written})." if self.part.written else ""

        def write(yes: bool | None) -> None:
            if yes:
                carry_out(self.gradtop, f"write {chosen.method}", ("quantize", run.where, "--write", chosen.method))

        self.app.push_screen(Confirm(f"Write the checkpoint quantized by {chosen.method}?", f"Weights are kept as integers in a checkpoint of this run.{instead}", "write", "back"), write)

    def copied(self) -> tuple[str, str]:
        if (chosen := self.chosen) is not None and chosen.method:
            return chosen.method, "the method"
        return super().copied()
