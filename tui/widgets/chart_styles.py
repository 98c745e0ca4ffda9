"""How the parts of a chart are told apart: tones, and patterns that need no colour."""

from __future__ import annotations

LINES = "abcdefgh"  # the styles of lines
TONES = ("text", "axis", "tick", *LINES, *(f"range-{line}" for line in LINES), "band", "mark", "bad", "cursor", "empty", "value")
TONE = {name: index for index, name in enumerate(TONES)}
# Columns of dots drawn of each so many, so that lines are told apart without colour; one alone is drawn whole.
PATTERNS: dict[str, tuple[int, ...]] = {
    "a": (1,), "b": (1, 1, 1, 1, 0, 0), "c": (1, 1, 0), "d": (1, 1, 1, 1, 1, 0, 1, 0), "e": (1, 0), "f": (1, 1, 1, 1, 1, 1, 1, 0), "g": (1, 1, 1, 0, 0, 0),
    "h": (1, 1, 1, 0, 1, 0, 1, 0), "planned": (1, 0, 0),
}  # fmt: skip
GLYPHS = {"a": "*", "b": "o", "c": "+", "d": "x", "e": "#", "f": "@", "g": "%", "h": "&", "planned": "."}
NARROW = 24  # below this many cells the labels of the vertical axis and the legend's words are left out
BEST = "◆"
