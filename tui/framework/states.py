"""How a run's state is shown: a symbol, a word and a colour, so that no one of them has to be seen."""

from __future__ import annotations

from gradtop.trainer.record import RunState

SYMBOLS = {
    RunState.CREATED: "◌",
    RunState.QUEUED: "○",
    RunState.STARTING: "◌",
    RunState.TRAINING: "●",
    RunState.PAUSED: "‖",
    RunState.SILENT: "?",
    RunState.DONE: "■",
    RunState.STOPPED: "□",
    RunState.FAILED: "✕",
    RunState.DIED: "†",
    RunState.UNKNOWN: "–",
}
TONES = {
    RunState.TRAINING: "success",
    RunState.PAUSED: "warning",
    RunState.SILENT: "warning",
    RunState.DONE: "primary",
    RunState.FAILED: "error",
    RunState.DIED: "error",
}


def symbol(state: RunState) -> str:
    return SYMBOLS[state]


def tone(state: RunState) -> str:
    """The name of the theme's colour for a state: success, warning, error, primary or muted."""
    return TONES.get(state, "muted")
