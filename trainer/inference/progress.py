"""How far work on a trained model is, for whoever waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

# Is given `doing`, and how many are `done` `of` how many, where that is known.
Tell = Callable[[Mapping[str, Any]], object]
EVERY = 0.2  # seconds


class WorkCounter:
    """Tells of what is done, now and then."""

    def __init__(self, doing: str, tell: Tell, of: int = 0) -> None:
        self.done = 0
        self._doing, self._tell, self._of, self._told = doing, tell, of, 0.0

    def add(self, count: int) -> None:
        self.done += count
        if (now := time.monotonic()) - self._told > EVERY:
            self._told = now
            self._tell({"doing": self._doing, "done": self.done, **({"of": self._of} if self._of else {})})
