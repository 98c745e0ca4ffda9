"""A real training beside a screen, and how much of its pace is left to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gradtop.trainer.record import StreamReader, list_runs
from tests.bench.figure import standard_error
from tests.bench.sandbox import Sandbox
from tests.bench.terminal import Terminal, Used
from tests.support import wait_until

CONFIGS = Path(__file__).parents[2] / "configs"
SETTLE = 0.25  # seconds after the screen was stopped or continued
EPOCHS = 60_000


@dataclass(frozen=True)
class Beside:
    """Paces in steps a second, turn by turn, with the screen stopped and going on, and what it used."""

    alone: list[float]
    beside: list[float]
    used: Used

    @property
    def ratio(self) -> float:
        return sum(self.beside) / sum(self.alone)

    @property
    def noise(self) -> float:
        """How far the ratio may be off."""
        return standard_error([one / other for one, other in zip(self.beside, self.alone, strict=True)])


class Training:
    """A run of one of our configurations, which goes on until the benchmark ends."""

    def __init__(self, sandbox: Sandbox, config: str) -> None:
        sandbox.gradtop("train", str(CONFIGS / config), f"training.epochs={EPOCHS}", "--detach", "--no-server")
        (run,) = list_runs(sandbox.runs)
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
            terminal.resume()
        else:
            terminal.suspend()
        terminal.rest(SETTLE)
        before, used = self.seen(), terminal.used()
        terminal.rest(seconds)
        after = self.seen()
        taken = max(after[1] - before[1], 1e-9)
        return (after[0] - before[0]) / taken, terminal.used() - used

    def beside(self, terminal: Terminal, seconds: float, turns: int) -> Beside:
        """In turns: the screen going on, and stopped."""
        alone: list[float] = []
        beside: list[float] = []
        used: list[Used] = []
        try:
            for turn in range(turns):
                # A machine's pace drifts: the order changes with each turn.
                for screen in (True, False) if turn % 2 else (False, True):
                    pace, taken = self.pace(terminal, seconds, screen=screen)
                    (beside if screen else alone).append(pace)
                    if screen:
                        used.append(taken)
        finally:
            terminal.resume()
        return Beside(alone, beside, sum(used[1:], used[0]))
