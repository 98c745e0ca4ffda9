"""`gradtop rerun RUN [key=value …]`."""

from __future__ import annotations

import argparse
import sys

from gradtop.tui.cli.consent import agreed
from gradtop.tui.cli.locate import add_run, chosen_run, runs_directory
from gradtop.tui.cli.start import add_settings, begin, check_settings

EPILOG = """\
Starts a new run from the beginning with the current configuration of RUN,
including live changes, and the given changes. The new run records its parent
and the changes, and is created in the same directory unless --runs is given.

  gradtop rerun last optimizer.lr=3e-4 --watch
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Start a new run from the beginning, with the configuration of a run."
    parser.epilog = EPILOG
    add_run(parser)
    add_settings(parser)


def run(options: argparse.Namespace) -> int:
    check_settings(options)
    parent = chosen_run(options)
    runs = runs_directory(options) if options.runs else parent.path.parent

    from gradtop.trainer.launch import create_run
    from gradtop.trainer.launch.forks import rerun_weights
    from gradtop.trainer.launch.run_config import changed_config

    _, config, changes = changed_config(parent, options.changes)
    weights = rerun_weights(parent, config)
    new = agreed(
        options, lambda: create_run(runs, config, name=options.name, parent=parent, checkpoint=weights, changes=changes, command=sys.argv)
    )
    return begin(new, runs, options)
