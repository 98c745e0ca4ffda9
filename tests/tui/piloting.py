"""The whole app under a pilot's hands, over a fixed clock, so that what is shown depends on no day and no machine."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from gradtop.trainer.launch.fork_weights import GENERAL, ForkWeights
from gradtop.trainer.launch.lr_preview import Planned
from gradtop.trainer.record import Run
from gradtop.trainer.record.pictures import Wanted
from gradtop.tui.app import FULL, GradtopApp
from gradtop.tui.framework.key_bar import KeyBar
from gradtop.tui.framework.mode_screen import ModeScreen
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.terminal import Capabilities
from gradtop.tui.ui_state import UiState
from tests.tui.runs_fixture import NOW


class Starts:
    """Starts nothing; remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, object]] = []

    def prepare(self) -> None:
        self.asked.append(("prepare", None))

    def expect_start(self) -> None:
        self.asked.append(("expect_start", None))

    def resume(self, run: Run) -> Run:
        self.asked.append(("resume", run))
        return run

    def ask_search(self, run: Run, command: str, arguments: Mapping[str, object]) -> Run:
        self.asked.append(("ask_search", (run, command, arguments)))
        return run

    def rerun(self, run: Run) -> Run:
        self.asked.append(("rerun", run))
        return run

    def seeds(self, run: Run, count: int) -> Run:
        self.asked.append(("seeds", (run, count)))
        return run

    def start(self, config: Any, *, parent: Run | None = None, **_more: Any) -> Run:
        self.asked.append(("start", (config, parent)))
        raise OSError("nothing is started here")

    def plan(self, config: Any, steps_per_epoch: int = 0) -> Planned:
        self.asked.append(("plan", (config, steps_per_epoch)))
        points = tuple((step, config.optimizer.lr * (1 - step / 5160)) for step in range(1, 5161, 43))
        return Planned(points, (), 5160, steps_per_epoch)

    def fork_weights(self, config: Any, checkpoint: Path) -> ForkWeights:
        self.asked.append(("fork_weights", (config, checkpoint)))
        return GENERAL

    def picture(self, run: Run, checkpoint: Path, wanted: Wanted, *, averaged: bool) -> Mapping[str, Any]:
        self.asked.append(("picture", (run, checkpoint, wanted)))
        raise OSError("nothing is read here")

    def close(self) -> None:
        self.asked.append(("close", None))


class Piloted:
    """The app, what it shows, and waiting for it."""

    def __init__(self, app: GradtopApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, condition: Callable[[], Any], why: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited for {why}; shown was:\n{self.shown()}"
            await self.pilot.pause(0.01)

    async def shows(self, words: str) -> None:
        await self.until(lambda: words in self.shown(), repr(words))

    def shown(self) -> str:
        """What stands on the terminal."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    @property
    def mode(self) -> ModeScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, ModeScreen)
        return screen

    @property
    def snapshot(self) -> Snapshot:
        return self.mode.snapshot

    def keybar(self) -> str:
        bar = self.mode.query_one(KeyBar)
        return "".join(segment.text for segment in bar.render_line(0))


@asynccontextmanager
async def piloted(
    tmp_path: Path,
    run: Run | None,
    *,
    size: tuple[int, int] = (120, 40),
    mode: str = "overview",
    capabilities: Capabilities = FULL,
    clock: Callable[[], float] = lambda: NOW,
    **more: Any,
) -> AsyncIterator[Piloted]:
    """The app on a run in one of its modes; the clock stands at the fixture's NOW unless another is given."""
    memory = more.pop("memory", None) or UiState(tmp_path / "memory.json")
    launcher = more.pop("launcher", None) or Starts()
    options = {"interval": 0.02} | more
    app = GradtopApp(run, tmp_path / "runs", mode=mode, memory=memory, launcher=launcher, capabilities=capabilities, clock=clock, **options)
    async with app.run_test(size=size, notifications=True) as pilot:
        found = Piloted(app, pilot)
        await pilot.pause()
        yield found
