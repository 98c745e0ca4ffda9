"""`gradtop rm RUN …`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from gradtop.tui.cli.consent import confirmed
from gradtop.tui.cli.control import run_is_alive
from gradtop.tui.cli.discard import moved_to_trash, names_by_run, print_moved, runs_text
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import add_runs, chosen_runs, name_of, opened, reference, runs_directory, shown
from gradtop.tui.cli.output import print_json, print_line

if TYPE_CHECKING:
    from gradtop.trainer.record import Run

EPILOG = """\
Moves the runs with all their files to the folder .trash of the runs directory,
as `d` in Runs does; how to restore them is printed, and gradtop clean --trash
deletes what lies there. Forks keep the checkpoint that they started from. Asks
for confirmation; --yes confirms. A run that is queued or whose worker lives is
refused, and then no run is moved.

Exit code: 0 success, 1 not confirmed, or a run could not be moved, 2 usage
error, or a run lives.

  gradtop rm quiet-heron brave-otter
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Move runs to the trash."
    parser.epilog = EPILOG
    add_runs(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    from gradtop.trainer.record.disk_usage import freed_by
    from gradtop.trainer.trials.recorded import trials_left_by

    runs = chosen_runs(options)
    for each in runs:
        require_ended(each, options)
    names = names_by_run(runs)
    size = freed_by(each.path for each in runs)
    if not (options.yes or confirmed(consequence(runs, names, size), "delete")):
        print_line("Nothing was changed.", sys.stderr)
        return 1
    left = {each: trials_left_by(each) for each in runs}
    where, problems = moved_to_trash(runs)
    if options.json:
        print_json({"runs": [{"id": each.id, "name": names[each], "path": str(each.path), "trash": where.get(each), "problem": problems.get(each, "")} for each in runs], "bytes": size})
    else:
        print_moved(where, problems, names)
        for each in where:
            if left[each]:
                print_line(f"{names[each]}: {left[each]}")
    return 1 if problems else 0


def require_ended(run: Run, options: argparse.Namespace) -> None:
    """Raises UsageError where a worker may still write it."""
    reader = opened(run)
    if run_is_alive(reader):
        word = reference(run, runs_directory(options))
        raise UsageError(f"{name_of(reader)} is {reader.state}; stop it first: gradtop stop {word}")


def consequence(runs: list[Run], names: dict[Run, str], size: int) -> str:
    from gradtop.trainer.analysis.formatting import size as size_text
    from gradtop.trainer.record import read_meta
    from gradtop.trainer.record.runs import trash_of

    pinned = [names[run] for run in runs if read_meta(run).pinned]
    which = ", ".join(names.values()) if len(runs) <= 10 else runs_text(len(runs))
    also = f" ({', '.join(pinned)}: pinned)" if pinned else ""
    return f"{which}{also} will be moved to {shown(trash_of(runs[0]))} with all checkpoints, {size_text(size)}"
