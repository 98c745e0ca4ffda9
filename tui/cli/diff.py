"""`gradtop diff A B`."""

from __future__ import annotations

import argparse
import shutil
import sys

from gradtop.tui.cli.locate import RUN, runs_directory
from gradtop.tui.cli.output import print_json, print_line, table

EPILOG = """\
Shows the results of both runs, then the differences between their current
configurations, including live changes. A value that one run does not have is
shown as –; ✓ marks the better result. Where both configurations have completed
runs with several seeds, Welch's t-test says whether the difference of their
means exceeds the noise of the seeds.

The JSON has the keys config (a list of key, a, b), same (number of equal
settings) and results (a and b, with the result keys of gradtop ls --json).

  gradtop diff quiet-heron brave-otter
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Compare configurations and results of two runs."
    parser.epilog = EPILOG
    parser.add_argument("a", metavar="A", help=RUN)
    parser.add_argument("b", metavar="B", help="the second run")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    from gradtop.trainer.analysis.compare import compare
    from gradtop.trainer.record import find_run

    runs = runs_directory(options)
    found = compare(*(find_run(runs, word) for word in (options.a, options.b)))
    if options.json:
        config = [{"key": key, "a": a, "b": b} for key, a, b in found.differing]
        print_json({"config": config, "same": found.same, "results": dict(zip("ab", found.measured, strict=True))})
        return 0
    marks = {-1: ("", ""), 0: (" ✓", ""), 1: ("", " ✓")}
    rows = [(pair.name, f"{pair.one}{marks[pair.better][0]}", f"{pair.other}{marks[pair.better][1]}") for pair in found.results]
    rows += [("", "", ""), *((pair.name, pair.one, pair.other) for pair in found.settings)]
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in table(("", *found.names), rows, limit=limit):
        print_line(line)
    print_line(found.same_text)
    for sentence in found.noise:
        print_line(sentence)
    return 0
