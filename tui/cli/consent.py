"""Asking before custom code runs that came with a run and was not started here before."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.output import print_line

if TYPE_CHECKING:
    from gradtop.trainer.launch.custom_code import Code
    from gradtop.trainer.record import Run


def add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="run custom code that was not started here before, without confirmation")


def agreed(options: argparse.Namespace, make: Callable[[], Run]) -> Run:
    """The run that `make` creates; where it meets code that was not started here, once the user agrees. Raises UsageError where not."""
    from gradtop.trainer.launch.custom_code import UnknownCode

    try:
        return make()
    except UnknownCode as error:
        agree(options, error.codes)
        return make()


def agree_to(run: Run, options: argparse.Namespace) -> None:
    """As `agreed`, for what the run itself names."""
    from gradtop.trainer.launch.custom_code import UnknownCode, code_of_run, require_started

    try:
        require_started(code_of_run(run))
    except UnknownCode as error:
        agree(options, error.codes)


def agree_to_file(path: Path, options: argparse.Namespace) -> None:
    """As `agree_to`, where the file is a run's own; any other that somebody names is as if they had written it."""
    from gradtop.trainer.record import Run

    if path.name == "run.toml":
        agree_to(Run(path.parent), options)


def agree(options: argparse.Namespace, codes: Sequence[Code]) -> None:
    from gradtop.trainer.launch.custom_code import remember

    if not options.yes:
        require_confirmation(codes)
    remember(codes)


def require_confirmation(codes: Sequence[Code]) -> None:
    """Raises UsageError unless the user says yes, at a terminal."""
    named = " and ".join(map(str, codes))
    if not at_terminal():
        raise UsageError(f"the run names custom code that you have not started here before: {named}. Read that code; to run it, add --yes")
    print_line(f"The run names custom code that you have not started here before: {named}.", sys.stderr)
    print_line("Run it? [y/N] ", sys.stderr, end="")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise UsageError("not confirmed; nothing was started")


def at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
