"""The mode of a profile, the page of the profiles of any run, and their keys."""

from __future__ import annotations

from gradtop.tui.mode import Key, Mode

PAGE = "profiles"
MODE = Mode(
    "profile", "1", "Profile", "gradtop.tui.screens.profile.screen:ProfileMode",
    "A profile of training steps: what their time goes into, by phase, operator and module.",
    frozenset(),
)  # fmt: skip
BOTH = ("profile", PAGE)
KEYS = (
    Key("m", "screen.turn_over", "profile.turn", "modules", "Switch between operators and modules.", modes=BOTH, footer=True),
    Key("left_square_bracket", "screen.older(1)", "profile.older", "older", "The profile of this run that was taken before.", modes=BOTH, footer=True, shown="["),
    Key("right_square_bracket", "screen.older(-1)", "profile.newer", "newer", "The profile of this run that was taken after.", modes=BOTH, footer=True, shown="]"),
)
