"""`gradtop rerun RUN [key=value …]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gradtop.tui.cli.consent import agreed
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import add_run, chosen_run, name_of, opened, reference, runs_directory
from gradtop.tui.cli.output import print_json_line, print_line
from gradtop.tui.cli.start import add_settings, begin, check_settings, print_start_error

if TYPE_CHECKING:
    from gradtop.trainer.record import Run

MOST_SEEDS = 1000
EPILOG = """\
Starts a new run from the beginning with the current configuration of RUN,
including live changes, and the given changes. The new run records its parent
and the changes, and is created in the same directory unless --runs is given.

--seeds N creates N runs that differ in training.seed alone, with the next seeds
that no run of this configuration has yet. They are queued: each starts when
the device is free, and the command returns immediately. Runs (key 7) and
gradtop diff treat runs that differ in the seed alone as samples of one
configuration.

  gradtop rerun last optimizer.lr=3e-4 --watch
  gradtop rerun last optimizer.lr=3e-4 --seeds 5
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Start a new run from the beginning, with the configuration of a run."
    parser.epilog = EPILOG
    add_run(parser)
    add_settings(parser)
    parser.add_argument("--seeds", type=int, metavar="N", help="queue N runs that differ in the seed alone")


def run(options: argparse.Namespace) -> int:
    check_settings(options)
    check_seeds(options)
    parent = chosen_run(options)
    runs = runs_directory(options) if options.runs else parent.path.parent
    if options.seeds is not None:
        return queue_seeds(parent, runs, options)
    return begin(created(parent, runs, options, options.changes, options.name), runs, options)


def check_seeds(options: argparse.Namespace) -> None:
    """Raises UsageError where --seeds cannot be."""
    from gradtop.trainer.analysis.overlay import SEED

    if options.seeds is None:
        return
    if not 1 <= options.seeds <= MOST_SEEDS:
        raise UsageError(f"--seeds must be 1 to {MOST_SEEDS}")
    if options.watch:
        raise UsageError("--seeds queues runs and returns; watch one of them: gradtop watch RUN")
    if any(word.partition("=")[0].strip() == SEED for word in options.changes):
        raise UsageError(f"--seeds chooses the seeds; leave out {SEED}")


def created(parent: Run, runs: Path, options: argparse.Namespace, changes: list[str], name: str | None) -> Run:
    """A new run of the parent's configuration with the changes, which nothing trains yet. Raises ConfigProblems, RecordError and UsageError."""
    from gradtop.trainer.launch import create_run
    from gradtop.trainer.launch.forks import rerun_weights
    from gradtop.trainer.launch.known_names import require_known_names
    from gradtop.trainer.launch.run_config import changed_config

    _, config, differing = changed_config(parent, changes)
    require_known_names(parent, config, differing)
    weights = rerun_weights(parent, config)
    return agreed(options, lambda: create_run(runs, config, name=name, parent=parent, checkpoint=weights, changes=differing, command=sys.argv, tags=options.tags, note=options.note))


def queue_seeds(parent: Run, runs: Path, options: argparse.Namespace) -> int:
    """Queue runs of one configuration with different seeds."""
    from gradtop.trainer.launch import create_run, queue_worker
    from gradtop.trainer.launch.seeds import Seeded, begin_seeds

    made: list[Run] = []

    def create(of: Run, seeded: Seeded) -> Run:
        labels = {"tags": options.tags, "note": options.note}
        new = agreed(
            options,
            lambda: create_run(
                runs, seeded.config, name=seeded.name, parent=of, checkpoint=seeded.weights, changes=seeded.changes, command=sys.argv, **labels
            ),
        )
        made.append(new)
        return new

    found = begin_seeds(parent, options.seeds, create, lambda run: queue_worker(run, server=not options.no_server), changes=options.changes, name=options.name or "")
    try:
        for run, seed in found:
            if options.json:
                print_json_line({"id": run.id, "name": name_of(opened(run)), "path": str(run.path), "seed": seed})
                continue
            print_line(f"{name_of(opened(run))} is queued with seed {seed}. Remove it from the queue: gradtop stop {reference(run, runs)}")
    except OSError as error:
        if not made:
            raise
        print_start_error(made[-1], error)
        return 1
    return 0
