"""`gradtop pin|unpin RUN`."""

from __future__ import annotations

import argparse

from gradtop.tui.cli.label import print_labels
from gradtop.tui.cli.locate import add_run, chosen_run, name_of, opened
from gradtop.tui.cli.output import print_line

EPILOG = """\
Pinned runs come first in Runs and in gradtop ls. The pin is stored in the run's
meta.json, so that every screen shows it.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    from gradtop.trainer.record import label_run

    found = chosen_run(options)
    label_run(found, pinned=options.command == "pin")
    if options.json:
        print_labels(found)
        return 0
    print_line(f"{name_of(opened(found))} is {'pinned' if options.command == 'pin' else 'not pinned'}")
    return 0
