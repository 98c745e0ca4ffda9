"""The mode of a comparison of initializations, and its keys."""

from __future__ import annotations

from gradtop.tui.mode import Key, Mode

MODE = Mode(
    "init_comparison", "1", "Init", "gradtop.tui.screens.init_comparison.screen:InitScreen",
    "A comparison of initializations: losses of the first steps, weights of a layer, activations and gradients by depth.",
    frozenset(),
)  # fmt: skip
KEYS = (
    Key("ctrl+k", "screen.start_job('init_comparison')", "tune.init_comparison", "compare init", "Compare initializations of this configuration: weights, activations, gradients and first losses.", modes=("tune",)),
    Key("enter", "screen.use", "init_comparison.use", "use in Tune", "Put this initialization into Tune, over the configuration that was measured.", modes=("init_comparison",), footer=True),
    Key("down,j", "screen.choose(1)", "init_comparison.next", "next", "The next initialization.", modes=("init_comparison",), footer=True, shown="↓ j"),
    Key("up,k", "screen.choose(-1)", "init_comparison.previous", "previous", "The previous initialization.", modes=("init_comparison",), shown="↑ k"),
    Key("right_square_bracket", "screen.walk(1)", "init_comparison.layer", "layer", "In the histograms: the next layer.", modes=("init_comparison",), footer=True, shown="[ ]"),
    Key("left_square_bracket", "screen.walk(-1)", "init_comparison.layer_back", "previous layer", "In the histograms: the previous layer.", modes=("init_comparison",), shown="["),
    Key("v", "screen.turn_charts", "init_comparison.charts", "charts", "In a small terminal: the next charts.", modes=("init_comparison",), footer=True),
)
