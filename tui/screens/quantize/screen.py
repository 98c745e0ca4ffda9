"""1 Quantization: what each method costs and saves, and the noise of each layer of the one under the cursor."""

from __future__ import annotations

from textual.app import ComposeResult

from gradtop.trainer.jobs.quantize.trial import QuantizeTrial
from gradtop.trainer.record.streams.registry import shown_by
from gradtop.tui.framework.lines import Lines, TextLine, wrapped
from gradtop.tui.framework.mode_screen import bindings
from gradtop.tui.screens.quantize.data import QuantizePart, read_quantization
from gradtop.tui.screens.quantize.text import method_remarks, method_row, noise_lines, quantize_head
from gradtop.tui.screens.sweep_screen import SweepScreen

HEAD_ROWS, LEAST_METHODS, MOST_SAID, PADDING = 2, 2, 5, 2


class QuantizeScreen(SweepScreen):
    """The verdict, a row for each method, remarks, and a bar for each layer."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("quantize")
    mode = "quantize"
    part_kind = QuantizePart
    streams = shown_by(mode)
    read = staticmethod(read_quantization)

    def __init__(self) -> None:
        super().__init__()
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
    def chosen(self) -> QuantizeTrial | None:
        return self.part.trials[self.at] if self.part.trials else None

    def draw(self) -> None:
        if not self.is_mounted:
            return
        part, chosen, width = self.part, self.chosen, self.size.width
        self._say("#conclusion", [wrapped([(part.verdict or "comes with the first dynamic method", "strong" if part.verdict else "muted")], width - PADDING)])
        methods = self.query_one("#methods", Lines)
        methods.styles.height = HEAD_ROWS + max(len(part.trials), LEAST_METHODS)
        rows = [method_row(part, each, width, cursor=place == self.at) for place, each in enumerate(part.trials)]
        methods.show([*quantize_head(part, width), *rows] if rows else [])
        self._say("#remarks", [wrapped([(text, "muted")], width - PADDING) for text in method_remarks(part, chosen, width)])
        self.call_after_refresh(self.draw_layers)

    def _say(self, name: str, paragraphs: list[list[TextLine]]) -> None:
        """So much of it as leaves room for the layers."""
        said = [line for paragraph in paragraphs for line in paragraph][:MOST_SAID]
        lines = self.query_one(name, Lines)
        lines.styles.height = max(len(said), 1)
        lines.show(said)

    def draw_layers(self) -> None:
        if not self.is_mounted:
            return
        lines, chosen = self.query_one("#layers", Lines), self.chosen
        what = "outputs" if self._outputs else "weights"
        title = f"signal to quantization noise of {what} by layer"
        if chosen is None or not chosen.layers:
            lines.border_title = title
            lines.show([])
            return
        lines, which = self.layers_in_view()
        lines.border_title = f"{title}, {chosen.method}{which}"
        lines.show(list(noise_lines(chosen, self._first_layer, *lines.size, outputs=self._outputs, block=self.block)))

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "turn_noise":
            return True if self.is_mounted and self.part.trials else None
        return super().check_action(action, parameters)

    def action_turn_noise(self) -> None:
        self._outputs = not self._outputs
        self.draw_layers()

    def action_write(self) -> None:
        """The result of the method under the cursor."""
        chosen = self.chosen
        if chosen is not None and self.can_write():
            self.ask_to_write(f"Write the checkpoint quantized by {chosen.method}?", "Weights are kept as integers in a checkpoint of this run.", chosen.method, chosen.method)

    def copied(self) -> tuple[str, str]:
        if (chosen := self.chosen) is not None and chosen.method:
            return chosen.method, "the method"
        return super().copied()
