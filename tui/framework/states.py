"""How a run's state is shown: a symbol, a word and a colour, so that no one of them has to be seen."""

from __future__ import annotations

SYMBOLS = {
    "created": "◌", "queued": "○", "starting": "◌", "training": "●", "paused": "‖", "done": "■", "stopped": "□", "failed": "✕",
    "died": "†", "silent": "?",
}
TONES = {
    "created": "muted", "queued": "muted", "starting": "muted", "training": "success", "paused": "warning", "done": "primary", "stopped": "muted",
    "failed": "error", "died": "error", "silent": "warning",
}


def symbol(state: str) -> str:
    return SYMBOLS.get(state, "?")


def tone(state: str) -> str:
    """The name of the theme's colour for a state: success, warning, error, primary or muted."""
    return TONES.get(state, "muted")
