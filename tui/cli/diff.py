"""`gradtop diff A B`."""

from __future__ import annotations

import argparse
import shutil
import sys
from typing import TYPE_CHECKING

from gradtop.tui.cli.locate import RUN, runs_directory
from gradtop.tui.cli.output import print_json, print_line, table

if TYPE_CHECKING:
    from gradtop.trainer.analysis.compare import Comparison

EPILOG = """\
Shows the results of both runs with their difference (B minus A), then the
differences between their current configurations, including live changes. A
value that one run does not have is shown as –; ✓ marks the better result. Runs
of different data are not compared. Where both configurations have completed
runs with several seeds, Welch's t-test says whether the difference of their
means exceeds the noise of the seeds.

The JSON has the keys config (a list of key, a, b), same (number of equal
settings), results (a and b, with the result keys of gradtop ls --json),
comparable (whether they have the same data) and tests (metric, test,
assumptions, a and b with n, mean and deviation, difference, t, df, p,
exceeds_noise).

  gradtop diff quiet-heron brave-otter
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Compare configurations and results of two runs."
    parser.epilog = EPILOG
    parser.add_argument("a", metavar="A", help=RUN)
    parser.add_argument("b", metavar="B", help="the second run")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    from gradtop.trainer.analysis.compare import compare, nested
    from gradtop.trainer.record import find_run

    runs = runs_directory(options)
    found = compare(*(find_run(runs, word) for word in (options.a, options.b)))
    if options.json:
        print_json(record(found))
        return 0
    marks = {-1: ("", ""), 0: (" ✓", ""), 1: ("", " ✓")}
    rows = [(pair.name, f"{pair.one}{marks[pair.better][0]}", f"{pair.other}{marks[pair.better][1]}", pair.difference) for pair in found.results]
    rows += [("", "", "", ""), *((f"{'  ' * depth}{pair.name}", pair.one, pair.other, "") for depth, pair in nested(found.settings))]
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in table(("", *found.names, "difference"), rows, limit=limit):
        print_line(line)
    print_line(found.same_text)
    for sentence in found.remarks:
        print_line(sentence)
    return 0


def record(found: Comparison) -> dict[str, object]:
    return {
        "config": [{"key": key, "a": a, "b": b} for key, a, b in found.differing],
        "same": found.same,
        "results": dict(zip("ab", found.measured, strict=True)),
        "comparable": not found.apart,
        "tests": [each.record() for each in found.tests],
    }
