"""Finds the runs directory and the run that an argument names."""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gradtop.trainer.home import at_home
from gradtop.tui.cli.errors import UsageError

if TYPE_CHECKING:
    from gradtop.trainer.job import Job
    from gradtop.trainer.record import Run, RunReader

RUN = "name or id of a run, a prefix of one, a path, or `last`"


def runs_directory(options: argparse.Namespace) -> Path:
    """--runs, or GRADTOP_RUNS, or ./runs; it need not exist. Raises OSError where it is there and cannot be read."""
    from gradtop.trainer.record.typed import usual_runs

    runs = at_home(options.runs).absolute() if options.runs else usual_runs()
    with contextlib.suppress(FileNotFoundError):
        os.scandir(runs).close()
    return runs


def add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help=RUN)


def chosen_run(options: argparse.Namespace) -> Run:
    """The run that RUN names. Raises RecordError with a suggestion."""
    from gradtop.trainer.record import find_run

    return find_run(runs_directory(options), options.run)


def add_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs_named", metavar="RUN", nargs="+", help=RUN)


def chosen_runs(options: argparse.Namespace) -> list[Run]:
    """The runs that RUN … name, each once. Raises RecordError with a suggestion."""
    from gradtop.trainer.record import find_run

    runs = runs_directory(options)
    return list(dict.fromkeys(find_run(runs, word) for word in options.runs_named))


def opened(run: Run) -> RunReader:
    """A reader of the run, refreshed once; twice where the clock of the run's host may be wrong."""
    from gradtop.trainer.record import RunReader

    reader = RunReader(run)
    reader.refresh()
    reader.look_twice()
    return reader


def job_of(reader: RunReader) -> Job:
    """What the run does."""
    from gradtop.trainer.job import find_job

    return find_job(reader.meta.job)


def name_of(reader: RunReader) -> str:
    from gradtop.trainer.record import clean

    return clean(reader.meta.name or reader.run.id, 80)


def has_screen() -> bool:
    """Whether there is a terminal to read keys from and one to draw on."""
    import sys

    from gradtop.tui.cli.output import environment
    from gradtop.tui.terminal import capabilities

    return sys.stdin.isatty() and capabilities(environment(), sys.stdout).screen


def require_terminal() -> None:
    """Raises UsageError where the screen cannot be drawn."""
    if not has_screen():
        raise UsageError("the screen needs a terminal. Without one: gradtop ls, gradtop show last, gradtop plot last")


def reference(run: Run, runs: Path) -> str:
    """What to type for this run: its name if that is unique, else its id or path, quoted for a shell."""
    from shlex import quote

    from gradtop.trainer.record import RecordError, find_run, read_meta
    from gradtop.trainer.record.typed import quoted, with_runs

    if run.path.parent != runs:
        return quoted(str(run.path))
    word, name = quoted(run.id), read_meta(run).name
    if quote(name) == name and not name.startswith("-"):
        with contextlib.suppress(RecordError):
            word = name if find_run(runs, name) == run else word
    return with_runs(word, runs)


def shown(path: Path) -> str:
    """A path for people: relative where it lies under the working directory, and nothing in it that steers a terminal."""
    from gradtop.trainer.record import clean

    with contextlib.suppress(FileNotFoundError):  # as where the current directory was deleted
        here = Path.cwd()
        path = path.relative_to(here) if path.is_relative_to(here) and path != here else path
    return clean(str(path), 4000)
