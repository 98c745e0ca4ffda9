"""The mode of a pruning run, and its keys."""

from __future__ import annotations

from gradtop.tui.mode import Key, Mode

MODE = Mode(
    "prune", "1", "Pruning", "gradtop.tui.screens.prune.screen:PruneScreen",
    "Pruning of a checkpoint: accuracy over the amount, sizes and latency, sparsity of each layer.",
    frozenset(),
)  # fmt: skip
KEYS = (
    Key("P", "screen.start_job('prune')", "runs.prune", "prune", "Prune this run's best checkpoint by growing amounts, and measure what that costs and saves.", modes=("runs",)),
    Key("enter", "screen.write", "prune.write", "write", "Write the checkpoint with this amount pruned into the run. Asks first.", modes=("prune",), footer=True),
    Key("f", "screen.fork", "prune.fork", "fork", "Train on from the written checkpoint, with the pruned weights kept at zero: opens Tune.", modes=("prune",), footer=True),
    Key("down,j", "screen.choose(1)", "prune.next", "next", "The next amount.", modes=("prune",), footer=True, shown="↓ j"),
    Key("up,k", "screen.choose(-1)", "prune.previous", "previous", "The previous amount.", modes=("prune",), shown="↑ k"),
    Key("m", "screen.next_metric", "prune.metric", "metric", "Draw the accuracy or the validation loss over the amount, or the monitored metric.", modes=("prune",), footer=True),
    Key("right_square_bracket", "screen.walk(1)", "prune.layer", "layers", "Scroll the list of layers down.", modes=("prune",), footer=True, shown="[ ]"),
    Key("left_square_bracket", "screen.walk(-1)", "prune.layer_back", "layers up", "Scroll the list of layers up.", modes=("prune",), shown="["),
    Key("v", "screen.turn_panes", "prune.panes", "layers/chart", "In a small terminal: the sparsity of the layers, or the chart.", modes=("prune",), footer=True),
)
