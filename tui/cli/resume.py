"""`gradtop resume RUN`."""

from __future__ import annotations

import argparse
import shlex

from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import add_run, chosen_run, name_of, opened, reference, runs_directory
from gradtop.tui.cli.output import say
from gradtop.tui.cli.start import add_way, begin

EPILOG = """\
Weights, optimizer, schedule, random states and the order of the data go on
where the last checkpoint left them; on a CPU the result is exactly that of a
run that was never interrupted. The run keeps its directory and its name. To go
on with other settings: gradtop fork.

  gradtop resume last --watch
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Go on from a run's last checkpoint."
    parser.epilog = EPILOG
    add_run(parser)
    # Taken only to say what to do instead.
    parser.add_argument("changes", metavar="KEY=VALUE", nargs="*", help=argparse.SUPPRESS)
    add_way(parser)


def run(options: argparse.Namespace) -> int:
    from gradtop.trainer.record import RunState

    runs, found = runs_directory(options), chosen_run(options)
    reader = opened(found)
    name, word = name_of(reader), reference(found, runs)
    if options.changes:
        words = shlex.join(options.changes)
        raise UsageError(f"a resumed run goes on as it was; with other settings that is a fork: gradtop fork {word} {words}")
    if reader.state.is_alive:
        if reader.state is RunState.QUEUED:
            raise UsageError(f"{name} waits in line already; take it out: gradtop stop {word}")
        raise UsageError(f"{name} is {reader.state} already; watch it: gradtop watch {word}")
    if reader.state is RunState.DONE:
        raise UsageError(f"{name} is done; a new run that goes on with more epochs: gradtop fork {word} training.epochs=…")
    if not found.config.is_file():
        raise UsageError(f"{name} has no run.toml, so there is nothing to go on with")
    resume = any(found.checkpoints.glob("step-*.pt"))
    if not resume and not found.origin.is_file():
        say(f"{name} has no checkpoint, so it starts from the beginning.")
    return begin(found, runs, options, resume=resume)
