"""`gradtop pause|continue|checkpoint|stop RUN`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tui.commands.mistake import Mistake
from tui.commands.output import say
from tui.commands.place import add_run, chosen_run, name_of, opened, reference, runs_directory

if TYPE_CHECKING:
    from trainer.record import Run

EPILOG = """\
Waits for the worker's answer, which it gives after the step at hand, and prints it.
Exit code: 0 it was done, 1 no answer came in time, 2 the run cannot do this now.
"""
STEERABLE = frozenset({"starting", "training", "paused", "silent"})


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add_run(parser)
    add_timeout(parser)


def add_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="how long to wait for the answer (default: 60)")


def run(options: argparse.Namespace) -> int:
    return ask(options, options.command)


def ask(options: argparse.Namespace, command: str, **arguments: object) -> int:
    """Send the command to the run and print what its worker answers; returns the exit code."""
    from trainer.record import send, wait_for_answer

    found = chosen_run(options)
    require_alive(found, options, command)
    answer = wait_for_answer(found, send(found, command, **arguments), options.timeout)
    name = name_of(opened(found))
    if answer is None:
        say(f"{name} has not answered within {options.timeout:g} s; the command stays in its inbox until it does.", sys.stderr)
        return 1
    say(f"{name}: {answer.get('message') or 'done'}", sys.stdout if answer.get("ok") else sys.stderr)
    return 0 if answer.get("ok") else 2


def require_alive(run: Run, options: argparse.Namespace, command: str) -> None:
    """Raises Mistake with what can be done instead."""
    reader = opened(run)
    if reader.state in STEERABLE:
        return
    word = reference(run, runs_directory(options))
    instead = {
        "created": f"its worker has not started: gradtop resume {word}",
        "done": f"start another with its settings: gradtop rerun {word}",
    }.get(reader.state, f"go on from its last checkpoint: gradtop resume {word}")
    raise Mistake(f"{name_of(reader)} is {reader.state}, so it cannot {command}; {instead}")
