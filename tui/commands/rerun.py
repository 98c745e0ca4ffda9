"""`gradtop rerun RUN [key=value …]`."""

from __future__ import annotations

import argparse
import sys

from tui.commands.place import add_run, chosen_run, runs_directory
from tui.commands.train import begin, check_changes

EPILOG = """\
A new run from the start with the old one's configuration, changed where you say so. It remembers its parent and what
was changed.

  gradtop rerun last optimizer.lr=3e-4 --watch
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Start a new run with a run's configuration."
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("changes", metavar="KEY=VALUE", nargs="*", help="settings by dotted path, such as optimizer.lr=3e-4")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--watch", action="store_true", help="open the screen (progress lines where there is no terminal)")
    way.add_argument("--detach", action="store_true", help="return at once")
    parser.add_argument("--name", help="what to call the run (default: an adjective and an animal)")
    parser.add_argument("--no-standby", action="store_true", help="keep no warm worker while the screen is open")


def run(options: argparse.Namespace) -> int:
    check_changes(options.changes)
    runs, parent = runs_directory(options), chosen_run(options)

    from trainer.config import apply_overrides, diff_config, load_config
    from trainer.launch import create_run

    old = load_config(parent.config)
    config = apply_overrides(old, options.changes)
    new = create_run(runs, config, name=options.name, parent=parent, changes=diff_config(old, config), command=sys.argv)
    return begin(new, runs, options)
