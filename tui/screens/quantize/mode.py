"""The mode of a quantization run, and its keys."""

from __future__ import annotations

from gradtop.tui.mode import Key, Mode

MODE = Mode(
    "quantize", "1", "Quantization", "gradtop.tui.screens.quantize.screen:QuantizeScreen",
    "Quantization of a checkpoint: metrics, size and speedup of each method, noise of each layer.",
    frozenset(),
)  # fmt: skip
KEYS = (
    Key("Q", "screen.start_job('quantize')", "runs.quantize", "quantize", "Quantize this run's best checkpoint, and measure what that costs and saves.", modes=("runs",)),
    Key("enter", "screen.write", "quantize.write", "write", "Write the checkpoint that this method gives into the run. Asks first.", modes=("quantize",), footer=True),
    Key("down,j", "screen.choose(1)", "quantize.next", "next", "The next method.", modes=("quantize",), footer=True, shown="↓ j"),
    Key("up,k", "screen.choose(-1)", "quantize.previous", "previous", "The previous method.", modes=("quantize",), shown="↑ k"),
    Key("right_square_bracket", "screen.walk(1)", "quantize.layer", "layers", "Scroll the list of layers down.", modes=("quantize",), footer=True, shown="[ ]"),
    Key("left_square_bracket", "screen.walk(-1)", "quantize.layer_back", "layers up", "Scroll the list of layers up.", modes=("quantize",), shown="["),
    Key("v", "screen.turn_noise", "quantize.noise", "outputs/weights", "Draw the noise of the layers' outputs, or of their weights.", modes=("quantize",), footer=True),
)
