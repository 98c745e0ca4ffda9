"""`gradtop tag RUN [TAG …]`."""

from __future__ import annotations

import argparse

from gradtop.tui.cli.label import print_labels
from gradtop.tui.cli.locate import add_run, chosen_run, name_of, opened
from gradtop.tui.cli.output import print_line

EPILOG = """\
Without tags, prints those that the run has. Tags are stored in the run's
meta.json and are part of show, ls --json and the filter (tag:base). A fork or
rerun does not inherit them; train, fork and rerun take --tag.

  gradtop tag last base resnet
  gradtop tag quiet-heron --remove base
  gradtop ls tag:base
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Add tags to a run, or remove them."
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("tags", nargs="*", metavar="TAG", help="tags to add")
    parser.add_argument("--remove", action="append", default=[], metavar="TAG", help="remove a tag; may be repeated")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    from gradtop.trainer.record import label_run, read_meta

    found = chosen_run(options)
    if options.tags or options.remove:
        label_run(found, add=options.tags, remove=options.remove)
    if options.json:
        print_labels(found)
        return 0
    print_line(f"{name_of(opened(found))}: {', '.join(read_meta(found).tags) or 'no tags'}")
    return 0
