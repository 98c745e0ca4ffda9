"""The mode of a speed test, and its keys."""

from __future__ import annotations

from gradtop.tui.mode import Key, Mode

MODE = Mode(
    "speed", "1", "Speed", "gradtop.tui.screens.speed.screen:Speed",
    "A speed test: samples per second with each setting, and how far it moves the loss.",
    frozenset(),
)  # fmt: skip
KEYS = (
    Key("ctrl+x", "screen.start_job('speed')", "tune.speed", "speed test", "Start a speed test of this configuration, from the run's newest weights if the changes allow it.", modes=("tune",)),
    Key("enter", "screen.use", "speed.use", "use in Tune", "Put these settings into Tune, over the configuration that was measured.", modes=("speed",), footer=True),
    Key("down,j", "screen.choose(1)", "speed.next", "next", "The next combination of settings.", modes=("speed",), footer=True, shown="↓ j"),
    Key("up,k", "screen.choose(-1)", "speed.previous", "previous", "The previous combination of settings.", modes=("speed",), shown="↑ k"),
)
