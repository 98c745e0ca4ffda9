"""`gradtop rename RUN NAME`."""

from __future__ import annotations

import argparse

from gradtop.tui.cli.locate import add_run, chosen_run, name_of, opened
from gradtop.tui.cli.output import print_json, print_line

EPILOG = """\
The name is stored in the run's meta.json. The id and the directory stay, so
that forks, searches, the queue and open screens keep the run, whatever it does.
A name that another run has is refused.

  gradtop rename last baseline
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Rename a run."
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("name", metavar="NAME", help="new name")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    from gradtop.trainer.record import rename_run

    found = chosen_run(options)
    old = name_of(opened(found))
    rename_run(found, options.name)
    new = name_of(opened(found))
    if options.json:
        print_json({"id": found.id, "name": new, "old": old, "path": str(found.path)})
    else:
        print_line(f"{old} renamed to {new}")
    return 0
