"""How the parts of a chart are told apart: tones, and patterns that need no colour."""

from __future__ import annotations

TONES = (
    "text", "axis", "tick", "a", "b", "c", "d", "range-a", "range-b", "range-c", "range-d", "band", "mark", "bad", "cursor", "empty", "value",
)
TONE = {name: index for index, name in enumerate(TONES)}
# Columns of dots drawn of each so many, so that lines are told apart without colour; one alone is drawn whole.
PATTERNS: dict[str, tuple[int, ...]] = {"a": (1,), "b": (1, 1, 1, 1, 0, 0), "c": (1, 1, 0), "d": (1, 1, 1, 1, 1, 0, 1, 0), "planned": (1, 0, 0)}
GLYPHS = {"a": "*", "b": "o", "c": "+", "d": "x", "planned": "."}
NARROW = 24  # below this many cells the labels of the vertical axis and the legend's words are left out
BEST = "◆"
