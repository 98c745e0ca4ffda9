"""`gradtop watch [RUN]`."""

from __future__ import annotations

import argparse

from gradtop.tui import quick_start
from gradtop.tui.cli.home import newest_live, open_screen
from gradtop.tui.cli.locate import RUN, chosen_run, has_screen, runs_directory
from gradtop.tui.cli.start import add_no_server

EPILOG = """\
Leaving the screen (q) does not stop the run; any number of screens can watch
one run. Without a terminal, prints one line per epoch until the run ends; exit
code then: 0 the run is done or was stopped, 1 it failed or died.

  gradtop watch              the newest live run, else the newest run
  gradtop watch quiet-heron
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("run", metavar="RUN", nargs="?", help=RUN)
    add_no_server(parser)


def run(options: argparse.Namespace) -> int:
    if is_screen := has_screen():
        quick_start.begin()
    runs = runs_directory(options)
    found = None if options.run else newest_live(runs)
    if found is None:
        options.run = options.run or "last"
        found = chosen_run(options)
    if is_screen:
        # The list of runs is that of the directory the run is in.
        return open_screen(found, found.path.parent, server=not options.no_server, mode="overview")
    from gradtop.tui.cli.follow import follow

    return follow(found, runs)
