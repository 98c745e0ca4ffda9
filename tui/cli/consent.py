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


def agree_to(run: Run, options: argparse.Namespace, directory: str | None = None) -> None:
    """As `agreed`, for what the run itself names, imported by default from where its worker does."""
    from gradtop.trainer.launch.custom_code import UnknownCode, code_of_run, require_started

    try:
        require_started(code_of_run(run, directory))
    except UnknownCode as error:
        agree(options, error.codes)


def agree_to_file(path: Path, options: argparse.Namespace) -> None:
    """As `agree_to`, where the file is a run's own and is trained from here; any other that somebody names is as if they had written it."""
    from gradtop.trainer.launch.origin import current_directory
    from gradtop.trainer.record import Run

    if path.name == "run.toml":
        agree_to(Run(path.parent), options, current_directory())


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
    if not is_yes("Run it?"):
        raise UsageError("not confirmed; nothing was started")


def confirmed(message: str, what: str) -> bool:
    """Whether the user confirms what `message` says; `what` names it in the question. Raises UsageError where there is no terminal."""
    if not at_terminal():
        raise UsageError(f"{message}; to {what}, add --yes")
    print_line(message, sys.stderr)
    return is_yes(f"{what.capitalize()}?")


def is_yes(question: str) -> bool:
    """Whether the user answers yes, at a terminal; the end of the input is a no. Raises KeyboardInterrupt."""
    print_line(f"{question} [y/N] ", sys.stderr, end="")
    try:
        answer = sys.stdin.readline()
    except UnicodeDecodeError:
        return False
    except KeyboardInterrupt:
        print_line("", sys.stderr)
        raise
    if not answer.endswith("\n"):
        print_line("", sys.stderr)  # what follows has a line of its own
    return answer.strip().lower() in {"y", "yes"}


def at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
