"""`gradtop resume RUN`."""

from __future__ import annotations

import argparse
import shlex
import sys

from gradtop.tui.cli.consent import agree_to
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import add_run, chosen_run, has_screen, job_of, name_of, opened, reference, runs_directory
from gradtop.tui.cli.output import print_line
from gradtop.tui.cli.start import add_way, begin, check_way

EPILOG = """\
Restores weights, optimizer, schedule, random states and the position in the
data from the last checkpoint; on a CPU the result equals that of an
uninterrupted run. The run keeps its directory and name. To continue with other
settings: gradtop fork.

  gradtop resume last --watch
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Continue a run from its last checkpoint."
    parser.epilog = EPILOG
    add_run(parser)
    # Accepted only to suggest the right command.
    parser.add_argument("changes", metavar="KEY=VALUE", nargs="*", help=argparse.SUPPRESS)
    add_way(parser)


def run(options: argparse.Namespace) -> int:
    from gradtop.trainer.record import RunState, is_fork

    check_way(options)
    runs, found = runs_directory(options), chosen_run(options)
    reader = opened(found)
    name, word = name_of(reader), reference(found, runs)
    if options.changes:
        words = shlex.join(options.changes)
        raise UsageError(f"a run is resumed with its own settings; to change them, fork it: gradtop fork {word} {words}")
    if reader.state.is_alive:
        if reader.state is RunState.QUEUED:
            raise UsageError(f"{name} is already queued; remove it: gradtop stop {word}")
        raise UsageError(f"{name} is already {reader.state}; watch it: gradtop watch {word}")
    job = job_of(reader)
    # One that never got to its first step can begin it.
    if not job.resumable and reader.status.step:
        raise UsageError(f"{name} is {job.title}, which cannot be resumed; start it again: gradtop rerun {word}")
    if reader.state is RunState.DONE:
        if job.name == "search":
            raise UsageError(f"{name} is done; to run more trials, extend it: gradtop search {word} --extend 20")
        if not job.trains:
            raise UsageError(f"{name} is done; to measure again, start it again: gradtop rerun {word}")
        raise UsageError(f"{name} is done; to train for more epochs, fork it: gradtop fork {word} training.epochs=…")
    if not found.config.is_file():
        raise UsageError(f"{name} cannot be resumed: run.toml is missing")
    agree_to(found, options)
    # A job that keeps no checkpoints goes on from its records.
    resume = any(found.checkpoints.glob("step-*.pt")) or (job.resumable and not job.trains)
    if not resume and is_fork(found) and not found.origin.is_file():
        raise UsageError(
            f"{name} cannot be resumed: {found.origin.name}, the checkpoint that it was forked from, cannot be read; put it back, or fork its parent again"
        )
    if not resume and not is_fork(found):
        print_line(f"{name} has no checkpoint; it starts from the beginning.", sys.stderr if options.json else sys.stdout)
    code = begin(found, runs, options, resume=resume)
    if code == 0 and job.command is not None and not (options.detach or options.json) and not (options.watch and has_screen()):
        from gradtop.tui.cli.job import print_result

        print_result(found)
    return code
