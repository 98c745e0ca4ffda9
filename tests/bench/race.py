"""The fastest of many settings within a time limit: all are timed in turns, and what is clearly slower drops out. Imports no torch."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

HOPELESS = 0.6  # of the pace of the fastest so far, in one turn: out
CLEARLY_SLOWER = 0.9  # the same, by the median over all turns, from the second on
LEAST, MOST = 3, 9  # turns of what stays


class Entrant(Protocol):
    """`turn` gives the seconds that something took, or raises RuntimeError."""

    def turn(self) -> float: ...

    def close(self) -> None: ...


Name = TypeVar("Name", bound=Hashable)


@dataclass
class Race(Generic[Name]):
    """Of `names` as many as the time reaches, `fewest` at least, the most promising first; those in `kept` are timed to the end.

    `taken` are the seconds by turn; what is not in it was not begun, or failed.
    """

    names: Sequence[Name]
    kept: Sequence[Name]
    enter: Callable[[Name], Entrant]
    seconds: float
    clock: Callable[[], float] = time.monotonic
    fewest: int = 6  # so that the fastest is that of several, however slowly they begin
    taken: dict[Name, dict[int, float]] = field(default_factory=dict)

    def run(self) -> Name:
        """The fastest. Raises RuntimeError where one of those that are kept fails."""
        until = self.clock() + self.seconds
        running: dict[Name, Entrant] = {}
        with ExitStack() as stack:
            for number, name in enumerate(dict.fromkeys((*self.kept, *self.names))):
                if self.clock() > until and number >= self.fewest and name not in self.kept:
                    break
                try:
                    running[name] = self.enter(name)
                    stack.callback(running[name].close)
                    self._time(name, 0, running)
                except RuntimeError:
                    if name in self.kept:
                        raise
                    self._forget(name, running)
                self._drop_slower_than(HOPELESS, running)
            for turn in range(1, MOST):
                if len(running) <= 1 or (self.clock() > until and turn >= LEAST):
                    break
                names = list(running)
                for name in names if turn % 2 == 0 else reversed(names):
                    try:
                        self._time(name, turn, running)
                    except RuntimeError:
                        if name in self.kept:
                            raise
                        self._forget(name, running)
                self._drop_slower_than(CLEARLY_SLOWER, running)
            return self._leader(running)

    def pace(self, name: Name, beside: Name) -> float:
        """As a share of the other's: the median over the turns that both have."""
        mine, others = self.taken[name], self.taken[beside]
        return statistics.median(others[turn] / mine[turn] for turn in mine if turn in others)

    def _time(self, name: Name, turn: int, running: dict[Name, Entrant]) -> None:
        self.taken.setdefault(name, {})[turn] = running[name].turn()

    def _forget(self, name: Name, running: dict[Name, Entrant]) -> None:
        running.pop(name, None)
        self.taken.pop(name, None)

    def _leader(self, running: dict[Name, Entrant]) -> Name:
        return min(running, key=lambda name: statistics.median(self.taken[name].values()))

    def _drop_slower_than(self, share: float, running: dict[Name, Entrant]) -> None:
        leader = self._leader(running)
        for name in [name for name in running if name not in self.kept and self.pace(name, leader) < share]:
            running.pop(name).close()
