"""`gradtop watch [RUN]`."""

from __future__ import annotations

import argparse

from gradtop.tui.cli.home import newest_live, open_screen
from gradtop.tui.cli.locate import RUN, chosen_run, has_screen, runs_directory

EPILOG = """\
Leaving the screen (q) leaves the run alone; any number of screens may watch
one run. Where there is no terminal, prints one line per epoch until the run
ends; exit code then: 0 the run is done or was stopped, 1 it failed or died.

  gradtop watch              the newest live run, or else the newest
  gradtop watch quiet-heron
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("run", metavar="RUN", nargs="?", help=RUN)
    parser.add_argument("--no-standby", action="store_true", help="keep no warm worker while the screen is open")


def run(options: argparse.Namespace) -> int:
    runs = runs_directory(options)
    found = None if options.run else newest_live(runs)
    if found is None:
        options.run = options.run or "last"
        found = chosen_run(options)
    if has_screen():
        # A run that lies elsewhere is shown among those that lie beside it.
        return open_screen(found, found.path.parent, standby=not options.no_standby)
    from gradtop.tui.cli.follow import follow

    return follow(found, runs)
