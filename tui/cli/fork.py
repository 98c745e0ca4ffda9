"""`gradtop fork RUN [key=value …]`."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING

from gradtop.tui.cli.consent import agreed
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import add_run, chosen_run, job_of, name_of, opened, reference, runs_directory, shown
from gradtop.tui.cli.output import print_line
from gradtop.tui.cli.start import add_settings, begin, check_settings

if TYPE_CHECKING:
    from pathlib import Path

    from gradtop.trainer.config import Config
    from gradtop.trainer.config.fork_preview import Consequences
    from gradtop.trainer.record import Run

EPILOG = """\
Starts a new run from a checkpoint of RUN with the given changes. Keeps the
weights, the optimizer state if its kind is unchanged, and the position in the
epoch if its length is unchanged. What is kept and what is dropped is reported
before the start and in the new run's events. RUN is not affected and may still
be training. Its current configuration is used, including live changes. Changes
to architecture, initialization or seed need a restart: gradtop rerun.

  gradtop fork last optimizer.lr=3e-4 --watch
  gradtop fork quiet-heron optimizer.kind=sgd lr=0.05 training.epochs=60
  gradtop fork quiet-heron --from best freeze.kind=backbone
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Start a new run from a checkpoint of a run, with changes."
    parser.epilog = EPILOG
    add_run(parser)
    add_settings(parser)
    parser.add_argument(
        "--from", dest="checkpoint", default="last", metavar="CHECKPOINT", help="last, best, a step, or a file (default: last)"
    )


def run(options: argparse.Namespace) -> int:
    check_settings(options)
    parent = chosen_run(options)
    job = job_of(opened(parent))
    if job.writes_weights and not job.forkable:
        raise UsageError(f"{name_of(opened(parent))} is {job.title}, whose checkpoint holds integers, which do not train on; fork the run whose weights it took")
    if not job.forkable:
        raise UsageError(f"{name_of(opened(parent))} is {job.title}, which leaves no weights to fork from; start it again: gradtop rerun {reference(parent, runs_directory(options))}")
    runs = runs_directory(options) if options.runs else parent.path.parent

    from gradtop.trainer.config import consequences
    from gradtop.trainer.config.fork_preview import fits_surely
    from gradtop.trainer.job import DEFAULT_JOB
    from gradtop.trainer.launch import create_run, find_checkpoint, fork_problems
    from gradtop.trainer.launch.create import require_checkpoint_file
    from gradtop.trainer.launch.known_names import require_known_names
    from gradtop.trainer.launch.run_config import changed_config

    checkpoint = find_checkpoint(parent, options.checkpoint)
    old, new, changes = changed_config(parent, options.changes, job=DEFAULT_JOB)
    if any(change.effect == "restart" for change in changes):
        raise UsageError(takes_restart(parent, runs, options, [change.key for change in changes if change.effect == "restart"]))
    if problems := fork_problems(old, new, checkpoint):
        raise UsageError("; ".join(problems))
    require_known_names(parent, new, changes)
    require_checkpoint_file(checkpoint.path)
    own = checkpoint.path.parent == parent.checkpoints
    weights = None if own and fits_surely(old, new) else compared(new, checkpoint.path, server=not options.no_server)
    result = consequences(old, new, epoch=checkpoint.epoch, weights=weights)
    told = sys.stderr if options.json else sys.stdout
    where = f"{checkpoint.path.name} of {name_of(opened(parent))}" if own else shown(checkpoint.path)
    print_line(f"From {where}: keeps {', '.join(result.kept)}.", told)
    for what in result.dropped:
        print_line(f"Drops {what}.", told)
    made = agreed(
        options,
        lambda: create_run(runs, new, name=options.name, parent=parent, checkpoint=checkpoint.path, changes=changes, command=sys.argv, tags=options.tags, note=options.note),
    )
    return begin(made, runs, options)


def compared(config: Config, checkpoint: Path, *, server: bool) -> Consequences:
    """Which weights a fork keeps, of the torch server, which builds the model and starts the fork afterwards; in general words where
    that cannot be had. Raises UsageError where it keeps none.
    """
    from gradtop.trainer.launch.answers import request_answer
    from gradtop.trainer.launch.fork_weights import GENERAL, fork_weights

    found = fork_weights(config, checkpoint, request_answer) if server else GENERAL
    if found.nothing:
        raise UsageError(found.nothing)
    return found.consequences


def takes_restart(parent: Run, runs: Path, options: argparse.Namespace, keys: list[str]) -> str:
    words = shlex.join(options.changes)
    verb = "needs" if len(keys) == 1 else "need"
    return f"{', '.join(keys)} {verb} a restart: gradtop rerun {reference(parent, runs)} {words}"
