"""`gradtop resume RUN`."""

from __future__ import annotations

import argparse

from tui.commands.mistake import Mistake
from tui.commands.output import say
from tui.commands.place import add_run, chosen_run, name_of, opened, reference, runs_directory
from tui.commands.start import add_way, begin

EPILOG = """\
Weights, optimizer, schedule, random states and the order of the data go on
where the last checkpoint left them; on a CPU the result is exactly that of a
run that was never interrupted. The run keeps its directory and its name.

  gradtop resume last --watch
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Go on from a run's last checkpoint."
    parser.epilog = EPILOG
    add_run(parser)
    add_way(parser)


def run(options: argparse.Namespace) -> int:
    from tui.snapshot import ALIVE

    runs, found = runs_directory(options), chosen_run(options)
    reader = opened(found)
    name, word = name_of(reader), reference(found, runs)
    if reader.state in ALIVE:
        raise Mistake(f"{name} is {reader.state} already; watch it: gradtop watch {word}")
    if reader.state == "done":
        raise Mistake(f"{name} is done; a new run with more epochs: gradtop rerun {word} training.epochs=…")
    if not found.config.is_file():
        raise Mistake(f"{name} has no run.toml, so there is nothing to go on with")
    resume = any(found.checkpoints.glob("step-*.pt"))
    if not resume:
        say(f"{name} has no checkpoint, so it starts from the beginning.")
    return begin(found, runs, options, resume=resume)
