"""`gradtop logs RUN`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from gradtop.tui.cli.ending import outcome
from gradtop.tui.cli.locate import add_run, chosen_run, name_of, opened, shown
from gradtop.tui.cli.ls import at_least_one
from gradtop.tui.cli.output import print_line

if TYPE_CHECKING:
    from gradtop.trainer.record import RunReader

EPILOG = """\
The log is RUN/worker.log: what the worker and the libraries that it uses have
printed. Escape sequences and control characters are left out, of a progress bar
that rewrites its line the last state is printed, and lines are cut to 1,000
characters. With --follow new lines are printed until the run has ended; a log
that was rotated is read from its beginning. Exit code: 0 success, 1 there is no
log, 2 usage error, 130 interrupted.

  gradtop logs last -n 50
  gradtop logs quiet-heron --follow | grep -i warning
"""
LOOK_EVERY = 0.25


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Print what the worker of a run has printed."
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="print new lines until the run has ended")
    parser.add_argument("-n", "--lines", type=at_least_one, default=None, metavar="N", help="the last N lines (default: all)")


def run(options: argparse.Namespace) -> int:
    reader = opened(chosen_run(options))
    return print_log(reader, options.lines, follow=options.follow)


def print_log(reader: RunReader, lines: int | None, *, follow: bool, wait: Callable[[float], None] = time.sleep) -> int:
    """Print the log, and what is added to it until the run has ended; returns the exit code."""
    from gradtop.trainer.record.log import LogReader

    log = LogReader(reader.run, lines)
    while True:
        # Whether it has ended is read before the log, so that all of it is there then.
        goes_on = reader.state.is_alive and not reader.gone
        for line in log.read():
            print_line(line)
        if not log.is_whole:
            continue
        if not follow or not goes_on:
            break
        wait(LOOK_EVERY)
        reader.refresh()
    for line in log.rest():
        print_line(line)
    if reader.gone:
        print_line(f"gradtop: {shown(reader.run.path)} was deleted.", sys.stderr)
        return 1
    if not log.is_there:
        print_line(f"gradtop: {name_of(reader)} has no log: {missing(reader)}", sys.stderr)
        return 1
    if follow:
        print_line(f"{name_of(reader)} {outcome(reader.state)}.", sys.stderr)
    return 0


def missing(reader: RunReader) -> str:
    """Why there is no log."""
    if reader.state.has_ended:
        return f"there is no {shown(reader.run.log)}, which its worker has written or could not write"
    return "its worker has not started yet" if reader.state.is_alive else "it has not been started"
