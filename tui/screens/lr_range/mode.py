"""The mode of a range test, and its keys."""

from __future__ import annotations

from gradtop.tui.mode import CHARTS, CURSOR, Key, Mode

MODE = Mode(
    "lr_range", "1", "LR range", "gradtop.tui.screens.lr_range.screen:LrRange",
    "A learning-rate range test: the loss over the learning rate, and what it suggests.",
    frozenset({CURSOR, CHARTS}),
)  # fmt: skip
KEYS = (
    Key("ctrl+g", "screen.start_job('lr_range')", "tune.range_test", "range test", "Start a learning-rate range test of this configuration, from the run's newest weights if the changes allow it.", modes=("tune",)),
    Key("enter", "screen.use", "lr_range.use", "use in Tune", "Put this learning rate into Tune, over the configuration that was tested.", modes=("lr_range",), footer=True),
    Key("down,j", "screen.choose(1)", "lr_range.next", "next", "The next suggestion.", modes=("lr_range",), footer=True, shown="↓ j"),
    Key("up,k", "screen.choose(-1)", "lr_range.previous", "previous", "The previous suggestion.", modes=("lr_range",), shown="↑ k"),
)
