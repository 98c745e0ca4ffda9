"""Runs of every state, and what the tests of the list do with it."""

from __future__ import annotations

from pathlib import Path

from gradtop.trainer.record import Run, read_meta
from gradtop.tui.screens.runs.screen import Runs
from tests.tui.piloting import Piloted
from tests.tui.runs_fixture import NOW, Grower, fake_run


class Family:
    """A run that trains, one that it came from, one that died and one that failed."""

    def __init__(self, runs: Path) -> None:
        self.done, _ = fake_run(runs, "amber-finch", state="done", steps=400, created=NOW - 4000)
        self.stopped, _ = fake_run(
            runs, "tidy-wren", state="stopped", steps=300, created=NOW - 3600, parent=self.done, changes=[("optimizer.lr", 1e-3, 3e-4)], lr=3e-4
        )
        self.died, _ = fake_run(runs, "grey-lynx", state="died", steps=50, created=NOW - 2400, log="epoch 0\nKilled by the kernel\n")
        sentence = "out of memory on cuda:0 with batch_size 512"
        self.failed, _ = fake_run(runs, "brave-otter", state="failed", steps=20, created=NOW - 1200, error=sentence)
        self.training: Run
        self.grower: Grower
        self.training, self.grower = fake_run(runs, "quiet-heron", created=NOW - 30.1)


def order(screen: Piloted) -> list[str]:
    mode = screen.mode
    assert isinstance(mode, Runs)
    return [read_meta(mode._rows[key].run).name for key in mode.table.keys]


async def go(screen: Piloted, run: Run) -> None:
    """Put the cursor on a run."""
    mode = screen.mode
    assert isinstance(mode, Runs)
    await screen.until(lambda: run.id in mode.table.keys, run.id)
    mode.table.go(run.id)
    await screen.pilot.pause()


async def opened(screen: Piloted) -> None:
    await screen.shows("amber-finch")


def order_names(screen: Piloted) -> list[str]:
    mode = screen.mode
    assert isinstance(mode, Runs)
    return [row.name for row in mode._rows.values()]
