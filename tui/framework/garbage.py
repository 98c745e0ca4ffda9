"""When a screen looks for garbage: often where much came and went, and then through what is new alone.

What a screen keeps at its most is what lives and the garbage that waits, and no allocator gives back what lies between: the less
waits, the flatter an open screen stays.
"""

from __future__ import annotations

import gc
from typing import Any

from textual.app import App

NEVER = 1_000_000
# Collections of the middle generation since the last look: each stands for some 7,000 objects that came and did not go by themselves.
PILED, EVERY = 1, 1.0
# All that lives is looked through now and then, a twentieth to a tenth of a second of work, and set aside as what stays: of it the looks
# in between, which take a few milliseconds, know nothing.
EVERYTHING = 60.0


def begin(app: App[Any]) -> None:
    """From the first frame on; until then `gc` is disabled, as nearly all that is made stays."""
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)
    # Of the 100,000 objects that there are now a thousand would be found to be garbage, in 40 ms: not in the way of the first key.
    gc.freeze()
    gc.enable()
    app.set_interval(EVERY, collect_new)
    app.set_interval(EVERYTHING, collect_all)


def collect_new() -> None:
    """Look through what was made since the last look at everything, if much was."""
    if gc.get_count()[2] >= PILED:
        gc.collect()


def collect_all() -> None:
    gc.unfreeze()
    gc.collect()
    gc.freeze()
