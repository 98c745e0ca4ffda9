"""`gradtop note RUN [TEXT]`."""

from __future__ import annotations

import argparse

from gradtop.tui.cli.label import print_labels
from gradtop.tui.cli.locate import add_run, chosen_run
from gradtop.tui.cli.output import print_line

EPILOG = """\
Without a text, prints the note. It is stored in the run's meta.json and is part
of show, ls --json and the filter (note:warmup). A fork or rerun does not
inherit it; train, fork and rerun take --note.

  gradtop note last "loss jumps at the end of the warm-up"
  gradtop note last ""                       remove the note
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write a note on a run, or print it."
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("text", nargs="?", metavar="TEXT", help='replaces the note; "" removes it')
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    from gradtop.trainer.record import label_run, read_meta

    found = chosen_run(options)
    if options.text is not None:
        label_run(found, note=options.text)
    if options.json:
        print_labels(found)
        return 0
    print_line(read_meta(found).note or "no note")
    return 0
