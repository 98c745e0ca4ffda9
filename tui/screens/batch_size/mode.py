"""The mode of a batch-size search, and its keys."""

from __future__ import annotations

from gradtop.tui.mode import CHARTS, CURSOR, Key, Mode

MODE = Mode(
    "batch_size", "1", "Batch size", "gradtop.tui.screens.batch_size.screen:BatchSize",
    "A batch-size search: pace and memory over the batch size, and which sizes are worth taking.",
    frozenset({CURSOR, CHARTS}),
)  # fmt: skip
KEYS = (
    Key("ctrl+y", "screen.start_job('batch_size')", "tune.batch_size", "batch size", "Start a batch-size search with this configuration, from the run's newest weights if the changes allow it.", modes=("tune",)),
    Key("enter", "screen.use", "batch_size.use", "use in Tune", "Put this batch size into Tune, over the configuration that was measured.", modes=("batch_size",), footer=True),
    Key("down,j", "screen.choose(1)", "batch_size.next", "next", "The next batch size.", modes=("batch_size",), footer=True, shown="↓ j"),
    Key("up,k", "screen.choose(-1)", "batch_size.previous", "previous", "The previous batch size.", modes=("batch_size",), shown="↑ k"),
)
