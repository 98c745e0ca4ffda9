"""`gradtop watch [RUN]`."""

from __future__ import annotations

import argparse

from tui.commands.home import newest_live, open_screen
from tui.commands.mistake import Mistake
from tui.commands.place import chosen_run, runs_directory

EPILOG = """\
Leaving the screen (q) leaves the run alone; any number of screens may watch one run.
Where there is no terminal, prints one line per epoch until the run ends.

  gradtop watch              the newest live run, or else the newest
  gradtop watch quiet-heron
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("run", metavar="RUN", nargs="?", help="a run's name or id, the beginning of one, a path, or `last`")
    parser.add_argument("--no-standby", action="store_true", help="keep no warm worker while the screen is open")


def run(options: argparse.Namespace) -> int:
    from tui.commands.follow import follow
    from tui.commands.place import has_screen

    runs = runs_directory(options)
    found = chosen_run(options) if options.run else newest_live(runs)
    if found is None:
        options.run = "last"
        found = chosen_run(options)
    if has_screen():
        return open_screen(found, runs, standby=not options.no_standby)
    if not found.path.is_dir():
        raise Mistake(f"{found.path} is gone")
    return follow(found, runs)
