"""`gradtop ls`."""

from __future__ import annotations

import argparse
import gc
import shutil
import sys
import time
from typing import TYPE_CHECKING

from gradtop.tui.cli.locate import runs_directory, shown
from gradtop.tui.cli.output import accuracy, figure, print_json, print_line, table

if TYPE_CHECKING:
    from gradtop.trainer.analysis.index import RunRow

EPILOG = """\
`best loss` is the lowest validation loss, or `best` the best value of another
training.monitor, with its name; `accuracy` is that of the same evaluation.

The JSON is a list, newest first, of objects with the keys id, name, job, path,
state, created, started, ended and updated (seconds since 1970), seconds
(trained), epoch, epochs, step, steps, stopped_early (evaluations without a
better value that ended the run early; 0: not ended early), skipped_steps (by
the gradient scaler, in fp16), loss, val_loss, val_accuracy, metrics (further
ones of the newest evaluation, by name), monitor and monitor_mode (the metric
that decides which evaluation is the best, min or max), best with best_epoch,
val_loss_at_best, accuracy_at_best and metrics_at_best (of the same evaluation),
best_val_loss with best_loss_epoch, best_val_accuracy with best_accuracy_epoch,
device, model, parameters, parent (an id), changes (key, old, new), result,
error, unreadable (files of the run that cannot be read) and findings (as `gradtop show --json` has them; null for
runs that have ended where more than 200 are listed, unless --findings is
given). Unknown values are null, 0 or "".

  gradtop ls failed
  gradtop ls --json | jq -r '.[] | [.name, .best_val_accuracy] | @tsv'
"""
TITLES = ("run", "state", "started", "took", "epoch", "val loss", "best loss", "accuracy", "changes or error")
MOST_JUDGED = 200  # runs that have ended, whose streams are read unasked: a few milliseconds each
SPARE = ("val loss", "took", "started")  # what a narrow terminal does without


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "List the runs, the newest family first, each run below its parent."
    parser.epilog = EPILOG
    parser.add_argument("filter", nargs="*", metavar="WORD", help="only runs whose name, state, model or changes contain all words")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--findings", action="store_true", help="with --json: the findings of every run, however many there are")
    parser.add_argument("-n", type=at_least_one, default=None, metavar="N", help="at most N runs")


def at_least_one(text: str) -> int:
    """Raises ArgumentTypeError, which argparse words."""
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


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
    from gradtop.trainer.analysis.index import RunIndex, RunsView

    runs = runs_directory(options)
    index = RunIndex(runs)
    index.refresh()
    rows = index.rows(RunsView(filter=" ".join(options.filter)))
    if options.json:
        rows = tuple(sorted(rows, key=lambda row: (row.created, row.run.id), reverse=True))
    rows = rows[: options.n]
    if options.json:
        every = options.findings or len(rows) <= MOST_JUDGED
        print_json([{**record(row), "findings": findings(row) if every or row.state.is_alive else None} for row in rows])
    elif rows:
        print_table(rows)
    elif options.filter:
        print_line(f"None of the {len(index)} runs in {shown(runs)} matches.", sys.stderr)
    else:
        print_line(f"No runs in {shown(runs)} yet. Start one: gradtop train configs/digits.toml", sys.stderr)
    return 0


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
        "device": status.device,
        "model": status.model,
        "parameters": status.parameters,
        "parent": row.parent,
        "changes": changes,
        "result": status.result,
        "error": status.error,
        "unreadable": row.unreadable,
    }


def findings(row: RunRow) -> list[dict[str, object]]:
    from gradtop.trainer.analysis.findings import report
    from gradtop.trainer.record import RunReader

    reader = RunReader(row.run)
    reader.refresh()
    return [finding.record() for finding in report(reader).findings]


def print_table(rows: tuple[RunRow, ...]) -> None:
    from gradtop.trainer.analysis.formatting import duration, moment
    from gradtop.trainer.analysis.text import best_cell, state_text
    from gradtop.trainer.metrics import LOSS
    from gradtop.trainer.record import clean
    from gradtop.tui.framework import states

    now = time.time()
    lines = []
    for row in rows:
        status = row.status
        lines.append(
            (
                f"{row.branch} {clean(row.name, 40)}" if row.branch else clean(row.name, 40),
                f"{states.symbol(row.state)} {state_text(row)}",
                moment(row.created, now) if row.created else "–",
                duration(status.seconds) if status.seconds else "–",
                f"{status.epoch}/{status.epochs}" if status.epochs else "–",
                figure(status.val_loss),
                best_cell(status),
                accuracy(status.accuracy_at_best),
                row.change,
            )
        )
    tones = {"state": [states.tone(row.state) for row in rows]}
    titles = TITLES if all(row.status.monitor == LOSS for row in rows) else ("best" if title == "best loss" else title for title in TITLES)
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    print_line("\n".join(table(tuple(titles), lines, right=TITLES[3:8], tones=tones, limit=limit, spare=SPARE)))
