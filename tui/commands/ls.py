"""`gradtop ls`."""

from __future__ import annotations

import argparse
import math
import shutil
import sys
import time
from typing import TYPE_CHECKING

from tui.commands.output import print_json, say, table, unicode_wanted, value_or_dash
from tui.commands.place import runs_directory

if TYPE_CHECKING:
    from tui.parts.runs import RunRow

EPILOG = """\
The JSON is a list, newest first, of objects with the keys id, name, path, state, created, started, ended, updated (seconds
since 1970), seconds (trained), epoch, epochs, step, steps, loss, val_loss, val_accuracy, best_val_loss,
best_val_accuracy, device, model, parameters, parent, changes and error. What is not known is null or "".
"""
TITLES = ("run", "state", "started", "took", "epoch", "val loss", "best loss", "best accuracy", "changed against its parent")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "List the runs, newest first, each below what was made from it."
    parser.epilog = EPILOG
    parser.add_argument("filter", nargs="*", metavar="WORD", help="only runs whose name, state, model or change has all the words")
    parser.add_argument("--json", action="store_true", help="print all that is known as JSON")
    parser.add_argument("-n", type=int, default=0, metavar="N", help="at most N runs")


def run(options: argparse.Namespace) -> int:
    from tui.parts.runs import RunIndex, RunsView

    runs = runs_directory(options)
    index = RunIndex(runs)
    index.refresh()
    rows = index.rows(RunsView(filter=" ".join(options.filter)))
    if options.json:
        rows = tuple(sorted(rows, key=lambda row: (row.created, row.run.id), reverse=True))
    rows = rows[: options.n] if options.n > 0 else rows
    if options.json:
        print_json([record(row) for row in rows])
    elif rows:
        print_table(rows)
    elif options.filter:
        say(f"None of the {len(index)} runs in {runs} matches.")
    else:
        say(f"No runs in {runs} yet. Start one: gradtop train configs/digits.toml", sys.stderr)
    return 0


def record(row: RunRow) -> dict[str, object]:
    from trainer.record import read_meta

    status = row.status
    changes = [{"key": change.key, "old": change.old, "new": change.new} for change in read_meta(row.run).changes]
    return {
        "id": row.run.id,
        "name": row.name,
        "path": str(row.run.path),
        "state": row.state,
        "created": row.created,
        "started": status.started,
        "ended": status.ended,
        "updated": status.updated,
        "seconds": status.seconds,
        "epoch": status.epoch,
        "epochs": status.epochs,
        "step": status.step,
        "steps": status.steps,
        "loss": status.loss,
        "val_loss": status.val_loss,
        "val_accuracy": status.val_accuracy,
        "best_val_loss": status.best_val_loss,
        "best_val_accuracy": status.best_val_accuracy,
        "device": status.device,
        "model": status.model,
        "parameters": status.parameters,
        "parent": row.parent,
        "changes": changes,
        "error": status.error,
    }


def print_table(rows: tuple[RunRow, ...]) -> None:
    from trainer.record import clean
    from tui import states
    from tui.format import duration, significant
    from tui.parts.facts import moment

    now, unicode = time.time(), unicode_wanted(sys.stdout)
    lines, tones = [], []
    for row in rows:
        status = row.status
        lines.append(
            (
                f"{row.branch} {clean(row.name, 40)}" if row.branch else clean(row.name, 40),
                f"{states.symbol(row.state, unicode)} {row.state}",
                moment(row.created, now) if row.created else "–",
                duration(status.seconds) if status.seconds else "–",
                f"{status.epoch}/{status.epochs}" if status.epochs else "–",
                value_or_dash(status.val_loss, significant),
                value_or_dash(status.best_val_loss, significant),
                value_or_dash(status.best_val_accuracy, lambda share: f"{share:.4f}" if math.isfinite(share) else "nan"),
                row.change,
            )
        )
        tones.append({1: states.tone(row.state)})
    shown = table(TITLES, lines, right=("took", "epoch", "val loss", "best loss", "best accuracy"), tones=tones)
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in shown:
        say(cut(line, limit))


def cut(line: str, limit: int) -> str:
    """One line of the terminal; colours are left whole by cutting the last column only."""
    if not limit or "\x1b" in line[limit:]:
        return line
    escapes = sum(len(part) for part in escape_codes(line))
    return line if len(line) - escapes <= limit else f"{line[: limit + escapes - 1]}…"


def escape_codes(line: str) -> list[str]:
    import re

    return re.findall(r"\x1b\[[0-9;]*m", line)
