"""Moving runs into the trash: what `rm` and `clean` share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradtop.tui.cli.locate import name_of, opened, shown
from gradtop.tui.cli.output import print_line

if TYPE_CHECKING:
    from pathlib import Path

    from gradtop.trainer.record import Run

NAMED = 5  # runs for each of which it is told how to restore it


def moved_to_trash(runs: Sequence[Run]) -> tuple[dict[Run, Path], dict[Run, str]]:
    """Move the runs; where each is now, and why others could not be moved."""
    from gradtop.trainer.record import RecordError, trash_run

    where, problems = {}, {}
    for run in runs:
        try:
            where[run] = trash_run(run)
        except RecordError as error:
            problems[run] = str(error)
    return where, problems


def print_moved(where: dict[Run, Path], problems: dict[Run, str], names: dict[Run, str]) -> None:
    from gradtop.trainer.record import clean
    from gradtop.trainer.record.runs import restore_command

    for run in where:
        print_line(f"{names[run]} was moved to the trash.")
    for run, path in list(where.items())[:NAMED]:
        print_line(f"To restore {names[run]}: {clean(restore_command(path, run), 4000)}")
    if len(where) > NAMED:
        print_line(f"The others lie in {shown(next(iter(where.values())).parent)} as well.")
    for problem in problems.values():
        print_line(f"gradtop: {clean(problem)}", sys.stderr)


def runs_text(count: int) -> str:
    return f"{count} run{'s' if count != 1 else ''}"


def names_by_run(runs: Sequence[Run]) -> dict[Run, str]:
    return {run: name_of(opened(run)) for run in runs}
