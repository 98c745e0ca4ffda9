"""How a run's state is shown: a symbol, a word and a colour, so that no one of them has to be seen."""

from __future__ import annotations

SYMBOLS = {
    "created": "◌", "starting": "◌", "training": "●", "paused": "‖", "done": "■", "stopped": "□", "failed": "✕", "died": "†",
    "silent": "?",
}
ASCII = {
    "created": ".", "starting": ".", "training": "*", "paused": "=", "done": "#", "stopped": "-", "failed": "x", "died": "+",
    "silent": "?",
}
TONES = {
    "created": "muted", "starting": "muted", "training": "success", "paused": "warning", "done": "primary", "stopped": "muted",
    "failed": "error", "died": "error", "silent": "warning",
}


def symbol(state: str, unicode: bool = True) -> str:
    return (SYMBOLS if unicode else ASCII).get(state, "?")


def tone(state: str) -> str:
    """The name of the theme's colour for a state: success, warning, error, primary or muted."""
    return TONES.get(state, "muted")
