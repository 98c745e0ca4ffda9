"""`gradtop resume RUN`."""

from __future__ import annotations

import argparse

from tui.commands.mistake import Mistake
from tui.commands.place import add_run, chosen_run, name_of, opened, reference, runs_directory
from tui.commands.train import begin

EPILOG = """\
Weights, optimizer, schedule, random states and the order of the data continue where the last checkpoint left them; on a
CPU the result is exactly that of a run that was never interrupted. The run keeps its directory and its name.

  gradtop resume last --watch
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Go on from a run's last checkpoint."
    parser.epilog = EPILOG
    add_run(parser)
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--watch", action="store_true", help="open the screen (progress lines where there is no terminal)")
    way.add_argument("--detach", action="store_true", help="return at once")
    parser.add_argument("--no-standby", action="store_true", help="keep no warm worker while the screen is open")


def run(options: argparse.Namespace) -> int:
    runs, found = runs_directory(options), chosen_run(options)
    reader = opened(found)
    word = reference(found, runs)
    if reader.state in {"starting", "training", "paused", "silent"}:
        raise Mistake(f"{name_of(reader)} is {reader.state} already; watch it: gradtop watch {word}")
    if reader.state == "done":
        raise Mistake(f"{name_of(reader)} is done; a new run with more epochs: gradtop rerun {word} training.epochs=…")
    if not found.config.is_file():
        raise Mistake(f"{found.path} has no run.toml, so there is nothing to go on with")
    return begin(found, runs, options, resume=any(found.checkpoints.glob("*.pt")))
