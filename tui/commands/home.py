"""`gradtop` alone: the screen on the newest live run, or else on the list of runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tui.commands.place import LIVE, opened, require_terminal, runs_directory

if TYPE_CHECKING:
    from trainer.record import Run


def run(options: argparse.Namespace) -> int:
    require_terminal("The screen")
    runs = runs_directory(options)
    return open_screen(newest_live(runs), runs, standby=not options.no_standby)


def newest_live(runs: Path) -> Run | None:
    from trainer.record import list_runs

    return next((run for run in list_runs(runs) if opened(run).state in LIVE), None)


def open_screen(run: Run | None, runs: Path, *, standby: bool) -> int:
    from tui import app

    return app.run(run, runs, standby=standby)
