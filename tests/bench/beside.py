"""A real training beside a screen, and how much of its pace is left to it."""

from __future__ import annotations

import statistics
from pathlib import Path

from gradtop.trainer.record import StreamReader, list_runs
from tests.bench.place import Place
from tests.bench.terminal import Terminal, Used
from tests.support import wait_until

CONFIGS = Path(__file__).parents[2] / "configs"
SETTLE = 0.5  # seconds after the screen was stopped or continued


class Training:
    """A run of one of our configurations, which goes on until the benchmark ends."""

    def __init__(self, place: Place, config: str) -> None:
        place.gradtop("train", str(CONFIGS / config), "training.epochs=60000", "--detach", "--no-server")
        (run,) = list_runs(place.runs)
        self._steps = StreamReader(run, "steps")
        self.seen()

    def seen(self) -> tuple[float, float]:
        """The newest step, and the time at which it was taken."""

        def newest() -> tuple[float, float] | None:
            self._steps.refresh()
            last = self._steps.last()
            return (last["step"], last["time"]) if last is not None else None

        return wait_until(newest, why="the first step")

    def pace(self, terminal: Terminal, seconds: float, *, screen: bool) -> tuple[float, Used]:
        """Steps a second within the time, with the screen going on or stopped, and what that used."""
        if screen:
            terminal.go_on()
        else:
            terminal.stop()
        terminal.rest(SETTLE)
        before, used = self.seen(), terminal.used()
        terminal.rest(seconds)
        after = self.seen()
        taken = max(after[1] - before[1], 1e-9)
        return (after[0] - before[0]) / taken, terminal.used() - used

    def beside(self, terminal: Terminal, seconds: float, turns: int) -> tuple[float, float, Used]:
        """The median of the ratios of the pace beside the screen to the pace without it, that pace, and what the screen used."""
        ratios, alone, used = [], [], []
        try:
            for turn in range(turns):
                found = {screen: self.pace(terminal, seconds, screen=screen) for screen in ((True, False) if turn % 2 else (False, True))}
                ratios.append(found[True][0] / max(found[False][0], 1e-9))
                alone.append(found[False][0])
                used.append(found[True][1])
        finally:
            terminal.go_on()
        return statistics.median(ratios), statistics.median(alone), sum(used[1:], used[0])
