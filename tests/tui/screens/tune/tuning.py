"""The tune screen under a pilot's hands, and what it is given to start runs with."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from gradtop.trainer.config import Change, Config, dump_config, parse_config
from gradtop.trainer.launch.lr_preview import Planned
from gradtop.trainer.record import Run, new_run
from gradtop.tui.app import GradtopApp
from gradtop.tui.screens.tune.draft import Draft
from gradtop.tui.screens.tune.form import Form
from gradtop.tui.screens.tune.screen import Tune
from tests.tui.piloting import Piloted, Starts, piloted

LR = "optimizer.lr"
CONFIG = parse_config("[optimizer]\nlr = 2e-3\n[training]\nclip = 5.0\n")


class Starter(Starts):
    """Makes the run's directory and starts no worker; `trouble` is raised instead where there is some."""

    def __init__(self, runs: Path) -> None:
        super().__init__()
        self.runs = runs
        self.started: list[tuple[Config, Run | None, list[Change]]] = []
        self.checkpoints: list[Path | None] = []
        self.queued: list[bool] = []
        self.trouble: OSError | None = None

    def plan(self, config: Any, steps_per_epoch: int = 0) -> Planned:
        points = tuple((step, config.optimizer.lr) for step in (1, 100))
        return Planned(points, (), 100, steps_per_epoch)

    def start(
        self, config: Any, *, parent: Run | None = None, changes: Sequence[Any] = (), checkpoint: Path | None = None,
        queue: bool = False, **_more: Any,
    ) -> Run:
        self.checkpoints.append(checkpoint)
        self.queued.append(queue)
        self.started.append((config, parent, list(changes)))
        if self.trouble is not None:
            raise self.trouble
        return new_run(self.runs, dump_config(config), {"name": "amber-finch"}, name="amber-finch")


class Tuned(Piloted):
    """The app with its form, and what was started with it."""

    def __init__(self, app: GradtopApp, pilot: Pilot[None], starter: Starter) -> None:
        super().__init__(app, pilot)
        self.starter = starter

    @property
    def tune(self) -> Tune:
        assert isinstance(self.mode, Tune)
        return self.mode

    @property
    def form(self) -> Form:
        return self.tune.form

    @property
    def draft(self) -> Draft:
        draft = self.tune.ready()
        assert draft is not None
        return draft

    def text(self, key: str) -> str:
        return self.draft.text(self.draft.fields()[key])

    def words(self) -> str:
        """What stands on the terminal, without frames and the ends of lines."""
        return " ".join(re.sub("[│╭╮╰╯─]", " ", self.shown()).split())

    async def type(self, text: str) -> None:
        await self.press(*("full_stop" if c == "." else "minus" if c == "-" else "comma" if c == "," else c for c in text))


@asynccontextmanager
async def opened(tmp_path: Path, *, size: tuple[int, int] = (120, 40), run: Run | None = None, mode: str = "tune") -> AsyncIterator[Tuned]:
    """The screen on a run, in the tune mode once its form is there."""
    starter = Starter(tmp_path / "runs")
    async with piloted(tmp_path, run, size=size, mode=mode, launcher=starter) as hands:
        screen = Tuned(hands.app, hands.pilot, starter)
        if mode == "tune":
            await screen.until(lambda: screen.form.draft is not None, "the configuration")
            await screen.pilot.pause()
        yield screen
