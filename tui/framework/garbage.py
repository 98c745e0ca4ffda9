"""When a screen looks for garbage: often where much came and went, and then through what is new alone.

What a screen keeps at its most is what lives and the garbage that waits: the less waits, the flatter an open screen stays. What lies
free between the two no allocator gives back by itself.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import monotonic

from gradtop.tui.framework.key_order import OrderedKeys

YOUNG, MIDDLE, NEVER = 700, 10, 1_000_000
# Collections of the middle generation since the last look: each stands for some 7,000 objects that came and did not go by themselves.
PILED, EVERY = 1, 1.0
# All that lives is looked through now and then, a twentieth to a tenth of a second of work, and set aside as what stays: of it the looks
# in between, which take a few milliseconds, know nothing. It waits for a moment without keys, but not for ever.
EVERYTHING, LATEST = 60.0, 90.0
STILL = 1.5  # seconds without a key
# Objects of garbage below which a look was in vain, as when modes are opened for the first time: what it looked through stays, and is set aside too.
FEW = 200


def begin(app: OrderedKeys) -> None:
    """From the first frame on; until then `gc` is disabled, as nearly all that is made stays."""
    gc.set_threshold(YOUNG, MIDDLE, NEVER)
    # Of the 100,000 objects that there are now a thousand would be found to be garbage, in 40 ms: not in the way of the first key.
    gc.freeze()
    gc.enable()
    app.set_interval(EVERY, Looks(lambda: app.pressed).look)


def put_off() -> None:
    """While something is made that stays."""
    gc.disable()


def set_aside() -> None:
    """Go on after that: no look goes through what was made."""
    gc.freeze()
    gc.enable()


class Looks:
    """What a screen looks through each second: nothing, where little came and went."""

    def __init__(self, pressed: Callable[[], float], clock: Callable[[], float] = monotonic) -> None:
        """`pressed` is when the last key was pressed, by the clock."""
        self._pressed, self._clock = pressed, clock
        self._everything = clock()
        self._piled = False  # much has come and gone since everything was looked through

    def look(self) -> None:
        now = self._clock()
        waited = now - self._everything
        if self._piled and waited >= (EVERYTHING if now - self._pressed() >= STILL else LATEST):
            self._everything, self._piled = now, False
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            give_back()
        elif gc.get_count()[2] >= PILED:
            self._piled = True
            if gc.collect() < FEW:
                gc.freeze()


def give_back() -> bool:
    """Have the C library's allocator give back what is free between what is not, which takes it a millisecond; whether that was any.

    That of the GNU C library keeps it, 5 to 8 of 25 MB after minutes of keys, and spreads a little further into it each time.
    """
    try:
        from ctypes import CDLL  # not before the first frame
    except ImportError:  # a Python that was built without
        return False
    trim = getattr(CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))
