"""`gradtop` without a command: the screen on the newest live run, else on the list of runs."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from gradtop.tui.cli.locate import require_terminal, runs_directory

if TYPE_CHECKING:
    from gradtop.trainer.record import Run


def run(options: argparse.Namespace) -> int:
    require_terminal()
    runs = runs_directory(options)
    return open_screen(newest_live(runs), runs, server=not options.no_server)


def newest_live(runs: Path) -> Run | None:
    """The newest live run that is not queued, else the newest queued one."""
    from gradtop.trainer.record import RunState, derive_state, list_runs, read_status

    now = time.time()
    living = [(run, state) for run in list_runs(runs) if (state := derive_state(read_status(run), now=now)).is_alive]
    return next((run for run, state in living if state is not RunState.QUEUED), living[0][0] if living else None)


def open_screen(run: Run | None, runs: Path, *, server: bool) -> int:
    import gc
    import os

    # Importing and laying out makes thousands of objects that all stay: looking for dead ones among them costs 20 ms.
    # The app enables it again when its first frame is drawn.
    gc.disable()
    # What follows within one frame's time waits for the next: with half of it the answer to a key comes sooner.
    os.environ.setdefault("TEXTUAL_FPS", "120")
    from gradtop.tui import app

    return app.run(run, runs, server=server)
