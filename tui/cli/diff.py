"""`gradtop diff A B …`."""

from __future__ import annotations

import argparse
import shutil
import sys
from typing import TYPE_CHECKING

from gradtop.tui.cli.locate import RUN, runs_directory
from gradtop.tui.cli.output import print_json, print_line, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradtop.trainer.analysis.compare import Comparison, Pair

EPILOG = """\
Shows the results of both runs with their difference (B minus A), then the
differences between their current configurations, including live changes. A
value that one run does not have is shown as –; ✓ marks the better result. Runs
of different data are not compared. Where both configurations have completed
runs with several seeds, Welch's t-test says whether the difference of their
means exceeds the noise of the seeds. Of more than two runs each has a column;
tests and ✓ compare each with the first.

The JSON has the keys config (a list of key, a, b), same (number of equal
settings), results (a and b, with the result keys of gradtop ls --json),
comparable (whether they have the same data) and tests (metric, test,
assumptions, a and b with n, mean and deviation, difference, t, df, p,
exceeds_noise). Of more than two runs it has comparisons: a list of these
objects, one for each run after the first, compared with it.

  gradtop diff quiet-heron brave-otter
  gradtop diff quiet-heron brave-otter amber-finch
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Compare configurations and results of runs."
    parser.epilog = EPILOG
    parser.add_argument("a", metavar="A", help=RUN)
    parser.add_argument("b", metavar="B", help="the second run")
    parser.add_argument("more", metavar="RUN", nargs="*", help="further runs")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    from gradtop.trainer.analysis.compare import compare, nested
    from gradtop.trainer.record import find_run

    runs = runs_directory(options)
    first, *others = (find_run(runs, word) for word in (options.a, options.b, *options.more))
    if len(others) > 1:
        return of_several([compare(first, other) for other in others], options)
    found = compare(first, *others)
    if options.json:
        print_json(record(found))
        return 0
    marks = {-1: ("", ""), 0: (" ✓", ""), 1: ("", " ✓")}
    rows = [(pair.name, f"{pair.one}{marks[pair.better][0]}", f"{pair.other}{marks[pair.better][1]}", pair.difference) for pair in found.results]
    rows += [("", "", "", ""), *((f"{'  ' * depth}{pair.name}", pair.one, pair.other, "") for depth, pair in nested(found.settings))]
    print_table(("", *found.names, "difference"), rows)
    print_line(found.same_text)
    for sentence in found.remarks:
        print_line(sentence)
    return 0


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in table(head, rows, limit=limit):
        print_line(line)


def of_several(found: Sequence[Comparison], options: argparse.Namespace) -> int:
    """A run, compared with each of several others."""
    from gradtop.trainer.analysis.compare import Pair, nested

    if options.json:
        print_json({"comparisons": [record(each) for each in found]})
        return 0
    marks = {-1: "", 0: "", 1: " ✓"}
    results = columns(found, lambda each: each.results, lambda pair: f"{pair.other}{marks[pair.better]}")
    settings = columns(found, lambda each: each.settings, lambda pair: pair.other, same=True)
    rows = [(name, *values) for name, values in results.items()]
    rows += [("",) * (len(found) + 2)]
    # A section has no values of its own; a key stands in its pair, by which its values are found.
    for depth, pair in nested([Pair(name, name, "") for name in settings]):
        rows.append((f"{'  ' * depth}{pair.name}", *(settings[pair.one] if pair.one else ("",) * (len(found) + 1))))
    names = (found[0].names[0], *(each.names[1] for each in found))
    print_table(("", *names), rows)
    for each in found:
        for sentence in (*each.problems, *each.remarks):
            print_line(f"{each.names[0]} and {each.names[1]}: {sentence}")
    return 0


def columns(found: Sequence[Comparison], pairs: Callable[[Comparison], Sequence[Pair]], text: Callable[[Pair], str], *, same: bool = False) -> dict[str, tuple[str, ...]]:
    """By name the value of the first run and those of the others; where nothing is said of one, it has none, or with `same` that of the first."""
    by_name = [{pair.name: pair for pair in pairs(each)} for each in found]
    rows = {}
    for name in dict.fromkeys(name for each in by_name for name in each):
        mine = next(each[name].one for each in by_name if name in each)
        rows[name] = (mine, *(text(each[name]) if name in each else mine if same else "–" for each in by_name))
    return rows


def record(found: Comparison) -> dict[str, object]:
    return {
        "config": [{"key": key, "a": a, "b": b} for key, a, b in found.differing],
        "same": found.same,
        "results": dict(zip("ab", found.measured, strict=True)),
        "comparable": not found.apart,
        "tests": [each.record() for each in found.tests],
    }
