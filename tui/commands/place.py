"""Where the runs are, and which one is meant."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tui.commands.mistake import Mistake

if TYPE_CHECKING:
    from trainer.record import Run, RunReader

LIVE = frozenset({"created", "starting", "training", "paused", "silent"})


def runs_directory(options: argparse.Namespace) -> Path:
    """--runs, or GRADTOP_RUNS, or ./runs; it need not exist."""
    return Path(options.runs or os.environ.get("GRADTOP_RUNS") or "runs").expanduser().absolute()


def add_run(parser: argparse.ArgumentParser, help: str = "a run's name or id, the beginning of one, a path, or `last`") -> None:  # noqa: A002 - argparse's word
    parser.add_argument("run", metavar="RUN", help=help)


def chosen_run(options: argparse.Namespace) -> Run:
    """The run that RUN names. Raises RecordError with what there is instead."""
    from trainer.record import find_run

    return find_run(runs_directory(options), options.run)


def opened(run: Run) -> RunReader:
    """A reader of the run, with its status and stream heads read."""
    from trainer.record import RunReader

    reader = RunReader(run)
    reader.refresh()
    return reader


def name_of(reader: RunReader) -> str:
    from trainer.record import clean

    return clean(reader.meta.name or reader.run.id, 80)


def has_screen() -> bool:
    """Whether there is a terminal to read keys from and one to draw on."""
    import sys

    from tui.commands.output import environment
    from tui.terminal import capabilities

    return sys.stdin.isatty() and capabilities(environment(), sys.stdout).screen


def require_terminal(what: str) -> None:
    """Raises Mistake where the screen cannot be drawn."""
    if not has_screen():
        raise Mistake(f"{what} needs a terminal. Without one: gradtop ls, gradtop show last, gradtop plot last")


def reference(run: Run, runs: Path) -> str:
    """What to type for this run: its name where that is enough, with --runs where the run lies elsewhere."""
    from trainer.record import RecordError, find_run

    words = [run.id]
    try:
        name = name_of(opened(run))
        if " " not in name and find_run(runs, name).path == run.path:
            words = [name]
    except RecordError:
        pass
    if runs != Path(os.environ.get("GRADTOP_RUNS") or "runs").expanduser().absolute():
        import shlex

        words += ["--runs", shlex.quote(str(runs))]
    return " ".join(words)
