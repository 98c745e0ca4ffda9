"""`gradtop diff A B`."""

from __future__ import annotations

import argparse
import shutil
import sys
from typing import TYPE_CHECKING, Any

from tui.commands.output import accuracy, figure, print_json, say, table
from tui.commands.place import RUN, name_of, opened, runs_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainer.record import RunReader

EPILOG = """\
What differs in the configurations as they are now, live changes included, and
the results of both. A key that only one of them has shows as –.

The JSON has the keys config (a list of key, a, b) and results (a and b, with
the keys of gradtop ls --json that tell results).

  gradtop diff quiet-heron brave-otter
"""
RESULTS = ("state", "epoch", "step", "seconds", "parameters", "loss", "val_loss", "val_accuracy", "best_val_loss", "best_val_accuracy")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Show two runs' configurations and results side by side."
    parser.epilog = EPILOG
    parser.add_argument("a", metavar="A", help=RUN)
    parser.add_argument("b", metavar="B", help="the other one")
    parser.add_argument("--json", action="store_true", help="print the difference as JSON")


def run(options: argparse.Namespace) -> int:
    from trainer.record import find_run

    runs = runs_directory(options)
    both = [opened(find_run(runs, word)) for word in (options.a, options.b)]
    rows = differing(*(flat(reader) for reader in both))
    if options.json:
        config = [{"key": key, "a": a, "b": b} for key, a, b in rows]
        print_json({"config": config, "results": dict(zip("ab", map(results, both), strict=True))})
        return 0
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    titles = ("", name_of(both[0]), name_of(both[1]))
    lines: list[tuple[str, ...]] = [(key, text(a), text(b)) for key, a, b in rows] or [("configuration", "the same", "the same")]
    lines += [("", "", ""), *shown(both)]
    for line in table(titles, lines, limit=limit):
        say(line)
    return 0


def flat(reader: RunReader) -> dict[str, Any]:
    """The configuration that the run has now, by dotted key."""
    from tui.parts.effective import effective

    tables = effective(reader.config, reader.status.changes)
    return {f"{name}.{key}": value for name, table in tables.items() if isinstance(table, dict) for key, value in table.items()}


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Key and both values, in the order of the file; None where one has none."""
    return [(key, a.get(key), b.get(key)) for key in dict.fromkeys([*a, *b]) if a.get(key) != b.get(key)]


def text(value: object) -> str:
    from trainer.record import clean
    from tui.parts.runs import brief

    return "–" if value is None else clean(brief(value), 80)


def results(reader: RunReader) -> dict[str, object]:
    return {name: reader.state if name == "state" else getattr(reader.status, name) for name in RESULTS}


def shown(both: list[RunReader]) -> list[tuple[str, ...]]:
    from tui.format import duration, number

    columns = [reader.status for reader in both]
    return [
        ("state", *(reader.state for reader in both)),
        ("epochs", *(f"{status.epoch}/{status.epochs}" for status in columns)),
        ("steps", *(number(status.step) for status in columns)),
        ("time", *(duration(status.seconds) for status in columns)),
        ("parameters", *(number(status.parameters) for status in columns)),
        ("loss", *(figure(status.loss) for status in columns)),
        ("val loss", *(figure(status.val_loss) for status in columns)),
        ("accuracy", *(accuracy(status.val_accuracy) for status in columns)),
        ("best loss", *(figure(status.best_val_loss) for status in columns)),
        ("best accuracy", *(accuracy(status.best_val_accuracy) for status in columns)),
    ]
