"""`gradtop clean`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING

from gradtop.tui.cli.consent import confirmed
from gradtop.tui.cli.discard import moved_to_trash, print_moved, runs_text
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import runs_directory, shown
from gradtop.tui.cli.ls import at_least_one
from gradtop.tui.cli.output import print_json, print_line, table
from gradtop.tui.cli.wait import time_span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from gradtop.trainer.analysis.cleaning import Cleaning
    from gradtop.trainer.analysis.run_row import RunRow
    from gradtop.trainer.record import Run

EPILOG = """\
Moves runs to the folder .trash of the runs directory, as gradtop rm does, and
tells which and how much space they take; --trash deletes what lies there, which
frees it. What is given must all hold; FILTER is that of gradtop ls.

--keep-best N keeps, of the runs that match FILTER and have the same data and
training.monitor, the N best by that, and selects the others; runs of different
data are never ranked against each other. Runs without an evaluation are left to
the other options.

Kept in any case, and named: pinned runs, runs that are queued or whose worker
lives, and runs that cannot be read. Trials of searches are selected only with a
FILTER, such as search:NAME. Asks for confirmation; --yes confirms. Exit code: 0
success, 1 not confirmed, or a run could not be moved, 2 usage error.

  gradtop clean --failed --older-than 7d --dry-run
  gradtop clean --keep-best 3 data:digits
  gradtop clean --trash
"""
KEPT_NAMED = 8


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Move failed, old or inferior runs to the trash, or empty it."
    parser.epilog = EPILOG
    parser.add_argument("filter", nargs="*", metavar="FILTER", help="only runs that match, as in gradtop ls")
    parser.add_argument("--failed", action="store_true", help="runs that failed or died")
    parser.add_argument("--older-than", type=time_span, default=None, metavar="AGE", help="runs that ended longer ago: 12h, 30d")
    parser.add_argument("--keep-best", type=at_least_one, default=None, metavar="N", help="all but the N best of the same data and monitor")
    parser.add_argument("--trash", action="store_true", help="delete what lies in the trash, for good")
    parser.add_argument("--dry-run", action="store_true", help="only print what would be done")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    runs = runs_directory(options)
    chosen = bool(options.filter or options.failed or options.older_than is not None or options.keep_best)
    if options.trash and chosen:
        raise UsageError("--trash deletes all that lies in the trash; leave the other conditions out")
    if options.trash:
        return empty(runs, options)
    if not chosen:
        raise UsageError("say which runs: --failed, --older-than AGE, --keep-best N, or a FILTER")
    return sweep(runs, options)


def sweep(runs: Path, options: argparse.Namespace) -> int:
    """Move the selected runs."""
    from gradtop.trainer.analysis.cleaning import Selection, select
    from gradtop.trainer.record.disk_usage import freed_by

    selection = Selection(" ".join(options.filter), failed=options.failed, older_than=options.older_than, keep_best=options.keep_best)
    found = select(runs, selection, time.time())
    if found.problem:
        raise UsageError(found.problem)
    sizes = {row.run: freed_by([row.run.path]) for row in found.rows}
    total = freed_by(row.run.path for row in found.rows)
    if not options.json:
        print_selected(found, sizes, total, runs)
    where: dict[Run, Path] = {}
    problems: dict[Run, str] = {}
    if found.rows and not options.dry_run:
        consequence = f"{runs_text(len(found.rows))} will be moved to {shown(runs / '.trash')}"
        if not (options.yes or confirmed(consequence, "delete")):
            print_line("Nothing was changed.", sys.stderr)
            return 1
        where, problems = moved_to_trash([row.run for row in found.rows])
    if options.json:
        print_json(record(found, sizes, total, where, problems, dry_run=options.dry_run))
    elif where or problems:
        print_moved(where, problems, {row.run: shown_name(row) for row in found.rows})
    return 1 if problems else 0


def record(found: Cleaning, sizes: Mapping[Run, int], total: int, where: Mapping[Run, Path], problems: Mapping[Run, str], *, dry_run: bool) -> dict[str, object]:
    rows = [
        {
            "id": row.run.id,
            "name": row.name,
            "path": str(row.run.path),
            "state": row.state,
            "bytes": sizes[row.run],
            "trash": where.get(row.run),
            "problem": problems.get(row.run, ""),
        }
        for row in found.rows
    ]
    kept = [{"id": row.run.id, "name": row.name, "why": why} for row, why in found.kept]
    return {"dry_run": dry_run, "runs": rows, "kept": kept, "groups": found.groups, "bytes": total}


def print_selected(found: Cleaning, sizes: Mapping[Run, int], total: int, runs: Path) -> None:
    from gradtop.trainer.analysis.formatting import moment
    from gradtop.trainer.analysis.formatting import size as size_text
    from gradtop.trainer.analysis.metric_columns import best_cell, best_column
    from gradtop.trainer.analysis.text import state_text
    from gradtop.trainer.record.typed import with_runs

    now = time.time()
    if found.rows:
        best = best_column(row.status for row in found.rows)
        cells = [
            (shown_name(row), state_text(row), moment(row.status.ended or row.created, now), best_cell(row.status, named=best.named), size_text(sizes[row.run]), data)
            for row, data in zip(found.rows, found.data, strict=True)
        ]
        print_line("\n".join(table(("run", "state", "ended", best.title, "size", "data"), cells, right=(best.title, "size"))))
        print_line(f"{runs_text(len(found.rows))}, {size_text(total)}; once moved, {with_runs('gradtop clean --trash', runs)} frees the space")
    else:
        print_line(f"No run in {shown(runs)} is selected.")
    if found.groups > 1:
        print_line(f"Runs of different data or monitor are not ranked against each other: the best are kept in each of {found.groups} groups.")
    print_kept(found.kept)


def print_kept(kept: Sequence[tuple[RunRow, str]]) -> None:
    """By reason, as there may be many."""
    for why in dict.fromkeys(why for _, why in kept):
        names = [shown_name(row) for row, reason in kept if reason == why]
        more = f" and {len(names) - KEPT_NAMED} more" if len(names) > KEPT_NAMED else ""
        print_line(f"Kept, {why}: {', '.join(names[:KEPT_NAMED])}{more}")


def shown_name(row: RunRow) -> str:
    from gradtop.trainer.record import clean

    return clean(row.name, 40)


def empty(runs: Path, options: argparse.Namespace) -> int:
    """Delete what lies in the trash."""
    from gradtop.trainer.analysis.formatting import size as size_text
    from gradtop.trainer.record import clean
    from gradtop.trainer.record.disk_usage import freed_by
    from gradtop.trainer.record.runs import TRASH

    trash = runs / TRASH
    try:
        there = sorted(entry.path for entry in os.scandir(trash) if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        there = []
    size, problems = freed_by(there), []
    if there and not options.dry_run:
        consequence = f"{runs_text(len(there))} in {shown(trash)} will be deleted for good, {size_text(size)}"
        if not (options.yes or confirmed(consequence, "delete")):
            print_line("Nothing was changed.", sys.stderr)
            return 1
        for path in there:
            try:
                shutil.rmtree(path)
            except OSError as error:
                problems.append(f"{error.filename or path}: {error.strerror}")
    for problem in problems:
        print_line(f"gradtop: {clean(problem)}", sys.stderr)
    if options.json:
        print_json({"dry_run": options.dry_run, "trash": str(trash), "count": len(there), "bytes": size, "problems": problems})
    else:
        done = "would be deleted" if options.dry_run else "deleted"
        print_line(f"{runs_text(len(there))} {done}, {size_text(size)}." if there else "The trash is empty.")
    return 1 if problems else 0
