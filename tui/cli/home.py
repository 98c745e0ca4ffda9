"""`gradtop` without a command: the screen on the newest live run, else on the list of runs."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from gradtop.tui import quick_start
from gradtop.tui.cli.locate import require_terminal, runs_directory

if TYPE_CHECKING:
    from gradtop.trainer.record import Run


def run(options: argparse.Namespace) -> int:
    require_terminal()
    quick_start.begin()
    runs = runs_directory(options)
    return open_screen(newest_live(runs), runs, server=not options.no_server)


def newest_live(runs: Path) -> Run | None:
    """The newest live run that is not queued, else the newest queued one."""
    from gradtop.trainer.record import RunState, derive_state, list_runs, read_status
    from gradtop.trainer.record.status import may_be_active

    now = time.time()
    living = [(run, state) for run in list_runs(runs) if may_be_active(run) and (state := derive_state(read_status(run), now=now)).is_alive]
    return next((run for run, state in living if state is not RunState.QUEUED), living[0][0] if living else None)


def open_screen(run: Run | None, runs: Path, *, server: bool, mode: str | None = None) -> int:
    """The screen on a run, or on the list of runs, until the user leaves; says then that the run goes on. Returns the exit code.

    It opens in `mode`, else in the one that was shown last.
    """
    quick_start.begin()
    with quick_start.lean_imports():
        import asyncio

        from gradtop.tui.framework import node_classes

        node_classes.begin()
        from gradtop.tui.app import GradtopApp
    from gradtop.tui.cli import crash  # now, as a package that is replaced while the screen is open has it no more
    from gradtop.tui.cli.ending import closing_text
    from gradtop.tui.cli.output import print_line
    from gradtop.tui.keymap import keymap_file, load_keymap
    from gradtop.tui.launcher import Launcher
    from gradtop.tui.screen_client.start import start_screen_server
    from gradtop.tui.terminal import capabilities, end_with_the_terminal, original_environment
    from gradtop.tui.ui_state import state_file

    terminal = capabilities(original_environment(), sys.__stdout__ or sys.stdout)
    if not terminal.screen:
        print_line(f"gradtop: {terminal.why}", sys.stderr)
        return 2
    launcher = Launcher(runs, server=server)
    end_with_the_terminal(launcher.close)
    with quick_start.lean_imports():  # of the terminal's driver
        app = GradtopApp(run, runs, mode=mode, launcher=launcher, keymap=load_keymap(keymap_file(os.environ)), capabilities=terminal)
    try:
        app.run()
    except asyncio.CancelledError:
        # Of an interrupt that comes just as it begins, CPython (3.11) forgets all but that it cancels.
        raise KeyboardInterrupt from None
    finally:
        launcher.close()
    if server:
        start_screen_server()  # for when they come back
    if app.failure is not None:
        crash.leave(app.failure, state_file(os.environ).with_name("crash.txt"))
    if sentence := closing_text(app.snapshot.facts, runs):
        print_line(sentence)
    return app.return_code or 0
