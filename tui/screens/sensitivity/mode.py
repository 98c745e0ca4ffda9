"""The mode of a sensitivity analysis, and its keys."""

from __future__ import annotations

from gradtop.tui.mode import Key, Mode

MODE = Mode(
    "sensitivity", "1", "Sensitivity", "gradtop.tui.screens.sensitivity.screen:Sensitivity",
    "A sensitivity analysis: how much the metric depends on each field, its values, and heat maps of pairs.",
    asks="gradtop.tui.screens.sensitivity.asking:AskSensitivity",
)  # fmt: skip
KEYS = (
    Key("f6", "screen.start_job('sensitivity')", "tune.sensitivity", "sensitivity", "Start a sensitivity analysis around this configuration: says how many trainings that is, and asks.", modes=("tune",)),
    Key("enter", "screen.use", "sensitivity.use", "use in Tune", "Put the best value of this field, or the best combination of this pair, into Tune.", modes=("sensitivity",), footer=True),
    Key("down,j", "screen.choose(1)", "sensitivity.next", "next", "The next field.", modes=("sensitivity",), footer=True, shown="↓ j"),
    Key("up,k", "screen.choose(-1)", "sensitivity.previous", "previous", "The previous field.", modes=("sensitivity",), shown="↑ k"),
    Key("v", "screen.turn", "sensitivity.pair", "pairs", "Switch between the values of the field and the heat map of each pair.", modes=("sensitivity",), footer=True),
    Key("n", "screen.normalise", "sensitivity.normalise", "normalise", "Rank by the deviation per decade or unit of the range, and back.", modes=("sensitivity",), spare="normalise"),
)
