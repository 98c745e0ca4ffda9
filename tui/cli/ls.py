"""`gradtop ls`."""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING

from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import runs_directory, shown
from gradtop.tui.cli.output import figure, print_json, print_line, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradtop.trainer.analysis.index import RunIndex, RunsView
    from gradtop.trainer.analysis.run_row import RunRow

EPILOG = """\
FILTER is words that name, state, model, changes, tags or note contain, and
conditions: a name, then : (contains) = != < <= > >=, then a value. Names are
those of columns (gradtop help keys lists them) or their titles in the table,
keys of the configuration and metrics of evaluations. All must hold. --sort and
--columns take the same names, --columns also `change`: what was changed, or why
it failed.

`best loss`, `best acc`, …: the best value of training.monitor; beside it, the
accuracy or another metric of the same evaluation. Where these are not the same
for all runs, the columns are `best` and `score`, and each value has its name.
Sorted by a result, runs are ranked only among those of the same data, by best
only of the same monitor. Pinned runs come first.

The JSON is a list of objects, newest first unless --sort is given; gradtop help
json has its keys. Findings of runs that have ended are kept in a cache; where
more than 200 of them are not in it, they are null, unless --findings is given.

  gradtop ls failed
  gradtop ls 'optimizer.lr>1e-3' state:done tag:base --sort best
  gradtop ls --columns state,optimizer.lr,best,f1,note --sort f1
  gradtop ls --json | jq -r '.[] | [.name, .best_val_accuracy] | @tsv'
"""
TITLES = ("run", "state", "started", "took", "epoch", "val loss")
MOST_JUDGED = 200  # runs that have ended and are not in the cache, whose streams are read unasked: a few milliseconds each
SHOWN = frozenset({"name", "state", "started", "duration", "epoch", "val_loss", "best", "accuracy"})  # fields that always have a column
PINNED = "◆"
SPARE = ("val loss", "took", "started")  # what a narrow terminal does without


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "List the runs, the newest family first, each run below its parent."
    parser.epilog = EPILOG
    parser.add_argument("filter", nargs="*", metavar="FILTER", help="only runs that match: words, and conditions such as state:done or optimizer.lr>1e-3")
    parser.add_argument("--filter", dest="more", action="append", default=[], metavar="FILTER", help="the same as an option; may be repeated")
    parser.add_argument("--sort", type=named_field, metavar="NAME", help="sort by a column, a key of the configuration or a metric")
    parser.add_argument("--columns", type=column_names, default=(), metavar="A,B", help="columns to print beside the name, such as state,lr,best")
    parser.add_argument("--reverse", action="store_true", help="reverse the order")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--findings", action="store_true", help="with --json: the findings of every run, however many there are")
    parser.add_argument("-n", type=at_least_one, default=None, metavar="N", help="at most N runs")


def at_least_one(text: str) -> int:
    """Raises ArgumentTypeError, which argparse words."""
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def column_names(text: str) -> tuple[str, ...]:
    """Raises ArgumentTypeError, which argparse words."""
    found = tuple(dict.fromkeys(named_field(word.strip()) for word in text.split(",") if word.strip()))
    if not found:
        raise argparse.ArgumentTypeError("names of columns are expected, separated by commas")
    return found


def named_field(text: str) -> str:
    """The name of a field, of which the header may be written."""
    from gradtop.trainer.analysis.run_fields import field_name

    return field_name(text)


def run(options: argparse.Namespace) -> int:
    # All that is read stays until it is printed: to look for garbage among it takes a quarter of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return list_all(options)
    finally:
        if collecting:
            gc.enable()


def list_all(options: argparse.Namespace) -> int:
    from gradtop.trainer.analysis.index import RunIndex
    from gradtop.trainer.analysis.run_order import NEWEST, groups
    from gradtop.trainer.record.typed import with_runs

    runs = runs_directory(options)
    index = RunIndex(runs)
    index.refresh()
    view = view_of(options)
    index.gather(view)
    if problem := index.problem(view) or index.unknown([*([view.sort] if view.sort != NEWEST else []), *view.columns]):
        raise UsageError(problem)
    rows = index.rows(view)
    if options.json and not options.sort:
        rows = tuple(sorted(rows, key=lambda row: (row.created, row.run.id), reverse=not options.reverse))
    apart = groups(rows, view.sort)
    rows = rows[: options.n]
    if options.json:
        found = records(rows, index, every=options.findings)
        print_json([{**each, "columns": values_of(row, options.columns)} for each, row in zip(found, rows, strict=True)] if options.columns else found)
    elif rows:
        print_chosen(rows, options.columns) if options.columns else print_table(rows, view)
        if apart > 1:
            print_line(f"Runs of different data are not ranked against each other: sorted within each of {apart} groups.", sys.stderr)
    elif options.filter or options.more:
        print_line(f"None of the {len(index)} runs in {shown(runs)} matches.", sys.stderr)
    else:
        start = with_runs("gradtop train digits.toml", runs)
        print_line(f"No runs in {shown(runs)} yet. Start one: gradtop new digits && {start}", sys.stderr)
    return 0


def view_of(options: argparse.Namespace) -> RunsView:
    from gradtop.trainer.analysis.index import RunsView
    from gradtop.trainer.analysis.run_fields import CHANGE
    from gradtop.trainer.analysis.run_order import NEWEST

    return RunsView(options.sort or NEWEST, " ".join([*options.filter, *options.more]), options.reverse, tuple(name for name in options.columns if name != CHANGE))


def values_of(row: RunRow, names: Sequence[str]) -> dict[str, object]:
    from gradtop.trainer.analysis.run_fields import CHANGE, field_of

    return {name: row.change if name == CHANGE else field_of(name).value(row) for name in names}


def record(row: RunRow) -> dict[str, object]:
    status = row.status
    changes = [{"key": change.key, "old": change.old, "new": change.new} for change in row.changes]
    return {
        "id": row.run.id,
        "name": row.name,
        "job": row.job,
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
        "metrics": status.metrics,
        "headline": status.beside_loss,
        "baselines": status.baselines,
        "stopped_early": status.stopped_early,
        "skipped_steps": status.skipped_steps,
        "monitor": status.monitor,
        "monitor_mode": status.monitor_mode,
        "best": status.best,
        "best_epoch": status.best_epoch,
        "val_loss_at_best": status.val_loss_at_best,
        "accuracy_at_best": status.accuracy_at_best,
        "metrics_at_best": status.metrics_at_best,
        "best_val_loss": status.best_val_loss,
        "best_loss_epoch": status.best_loss_epoch,
        "best_val_accuracy": status.best_val_accuracy,
        "best_accuracy_epoch": status.best_accuracy_epoch,
        "test": status.test,
        "test_baselines": status.test_baselines,
        "test_step": status.test_step,
        "device": status.device,
        "model": status.model,
        "parameters": status.parameters,
        "parent": row.parent,
        "changes": changes,
        "result": status.result,
        "error": status.error,
        "unreadable": row.unreadable,
        "tags": row.tags,
        "note": row.note,
        "pinned": row.pinned,
    }


def records(rows: Sequence[RunRow], index: RunIndex, *, every: bool) -> list[dict[str, object]]:
    """The runs for programs, with their findings; those of runs that have ended are kept from one listing to the next."""
    from gradtop.trainer.analysis.findings.kept import KeptFindings
    from gradtop.trainer.launch.state_home import state_home

    kept = KeptFindings(state_home(os.environ) / "findings", index.runs)
    known = {row.run: None if row.state.is_alive else kept.known(row.run) for row in rows}
    unknown = [row for row in rows if known[row.run] is None and not row.state.is_alive]
    judged = {row.run for row in rows if row.state.is_alive} | {row.run for row in unknown if every or len(unknown) <= MOST_JUDGED}
    found = {row.run: kept.find(row.run, keep=not row.state.is_alive) if row.run in judged else known[row.run] for row in rows}
    kept.save(index.ids)
    return [{**record(row), "findings": found[row.run]} for row in rows]


def print_table(rows: Sequence[RunRow], view: RunsView) -> None:
    from gradtop.trainer.analysis.formatting import duration, moment
    from gradtop.trainer.analysis.metric_columns import best_cell, best_column, score_cell, score_column
    from gradtop.trainer.analysis.text import state_text
    from gradtop.trainer.record import clean
    from gradtop.tui.framework import states

    now = time.time()
    best, score = (column([row.status for row in rows]) for column in (best_column, score_column))
    named = {name: [text_of(row, name) for row in rows] for name in extra_columns(rows, view)}
    lines = []
    for number, row in enumerate(rows):
        status = row.status
        name = clean(row.name, 40)
        mark = f"{PINNED} " if row.pinned else f"{row.branch} " if row.branch else ""
        lines.append(
            (
                f"{mark}{name}",
                f"{states.symbol(row.state)} {state_text(row)}",
                moment(row.created, now) if row.created else "–",
                duration(status.seconds) if status.seconds else "–",
                f"{status.epoch}/{status.epochs}" if status.epochs else "–",
                figure(status.val_loss),
                best_cell(status, named=best.named),
                score_cell(status, named=score.named),
                *(texts[number] for texts in named.values()),
                row.change,
            )
        )
    titles = (*TITLES, best.title, score.title, *(clean(name, 40) for name in named), "changes or error")
    tones = {"state": [states.tone(row.state) for row in rows]}
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    print_line("\n".join(table(titles, lines, right=titles[3:8], tones=tones, limit=limit, spare=SPARE)))


def print_chosen(rows: Sequence[RunRow], names: Sequence[str]) -> None:
    """The name of each run and the columns that were asked for."""
    from gradtop.trainer.analysis.run_fields import CHANGE, field_of
    from gradtop.trainer.analysis.text import state_text
    from gradtop.trainer.record import clean
    from gradtop.tui.framework import states

    names = [name for name in names if name != "name"]  # which stands in front
    numbers = [name for name in names if all(isinstance(values_of(row, [name])[name], int | float | None) for row in rows)]
    titles = {name: clean(name if name == CHANGE else field_of(name).title or name, 40) for name in names}
    lines = []
    for row in rows:
        mark = f"{PINNED} " if row.pinned else f"{row.branch} " if row.branch else ""
        special = {"state": f"{states.symbol(row.state)} {state_text(row)}", CHANGE: row.change}
        lines.append((f"{mark}{clean(row.name, 40)}", *(special[name] if name in special else text_of(row, name) for name in names)))
    tones = {titles["state"]: [states.tone(row.state) for row in rows]} if "state" in titles else {}
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    print_line("\n".join(table(("run", *titles.values()), lines, right=[titles[name] for name in numbers], tones=tones, limit=limit)))


def extra_columns(rows: Sequence[RunRow], view: RunsView) -> list[str]:
    """What the rows are sorted by where no column has it, the data where they are ranked, and tags where there are any."""
    from gradtop.trainer.analysis.run_fields import field_of
    from gradtop.trainer.analysis.run_order import NEWEST

    found = []
    if view.sort not in {NEWEST, *SHOWN}:
        found.append(view.sort)
    if view.sort != NEWEST and field_of(view.sort).result:
        found.append("data")
    if any(row.tags for row in rows):
        found.append("tag")
    return list(dict.fromkeys(found))


def text_of(row: RunRow, name: str) -> str:
    from gradtop.trainer.analysis.run_fields import field_of
    from gradtop.trainer.analysis.run_text import value_text

    return value_text(field_of(name), row, time.time())
