"""`gradtop lr-range CONFIG|RUN [key=value …]`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from gradtop.tui.cli.consent import agree_to_file, agreed
from gradtop.tui.cli.ending import background_text
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import chosen_run, has_screen, name_of, opened, reference, runs_directory
from gradtop.tui.cli.output import print_json, print_line
from gradtop.tui.cli.start import add_settings, begin, check_settings, print_start_error

if TYPE_CHECKING:
    from gradtop.trainer.config import Change, Config
    from gradtop.trainer.record import Run

EPILOG = """\
Trains for --steps steps with a learning rate that grows exponentially from
--start to --end, and plots the smoothed loss over the learning rate (Smith,
2017). Ends early when the loss diverges. Suggests learning rates by the rules
of fastai's lr_find: valley, steepest, minimum/10 and slide.

For a CONFIG, the test starts with initial weights; for a RUN, with the weights
of its newest checkpoint if it has one. The test is a separate run; CONFIG and
RUN are not modified.

--json prints one object when the test has ended: id, name, path, state, error,
suggestions (learning rate by method), diverged_at (learning rate or null) and
curve (lr, loss and smoothed, as lists); with --detach only id, name and path.

  gradtop lr-range configs/digits.toml
  gradtop lr-range last --start 1e-6 --end 1 --steps 200
  gradtop lr-range RUN optimizer.kind=sgd --json | jq .suggestions
"""
JOB = "lr_range"
OPTIONS = ("start", "end", "steps")
LOOK_EVERY = 0.1


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Run a learning-rate range test."
    parser.epilog = EPILOG
    parser.add_argument("run", metavar="CONFIG|RUN", help="TOML file or run")
    add_settings(parser)
    parser.add_argument("--start", metavar="LR", help="learning rate of the first step (default: 1e-7)")
    parser.add_argument("--end", metavar="LR", help="learning rate of the last step (default: 10)")
    parser.add_argument("--steps", metavar="N", help="optimizer steps (default: 100)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON instead of progress and plot")


def run(options: argparse.Namespace) -> int:
    check_settings(options)
    if options.json and options.watch:
        raise UsageError("--json cannot be combined with --watch")

    from gradtop.trainer.launch import create_run

    words = [*options.changes, *(f"{JOB}.{name}={value}" for name in OPTIONS if (value := getattr(options, name)) is not None)]
    path = Path(options.run).expanduser()
    if path.is_file() or path.suffix == ".toml":
        from gradtop.trainer.config import load_config
        from gradtop.tui.cli.train import config_file

        runs = runs_directory(options)
        config = load_config(config_file(options.run), words, job=JOB)
        agree_to_file(path, options)
        test = create_run(runs, config, name=options.name, command=sys.argv)
    else:
        source = chosen_run(options)
        runs = runs_directory(options) if options.runs else source.path.parent
        config, changes, checkpoint = of_run(source, words, quiet=options.json)
        test = agreed(
            options,
            lambda: create_run(runs, config, name=options.name, parent=source, checkpoint=checkpoint, changes=changes, command=sys.argv),
        )
    if options.json:
        return as_json(test, options)
    code = begin(test, runs, options)
    if code == 0 and not options.detach and not (options.watch and has_screen()):
        print_result(test)
    return code


def of_run(source: Run, words: list[str], *, quiet: bool) -> tuple[Config, list[Change], Path | None]:
    """The configuration of a test of that run, what differs from the run's, and the checkpoint whose weights it starts with."""
    from gradtop.trainer.launch.forks import newest_weights
    from gradtop.trainer.launch.run_config import changed_config

    _, config, changes = changed_config(source, words, job=JOB)
    checkpoint, why = newest_weights(source, changes)
    if why and not quiet:
        print_line(f"Starts with initial weights: {why}.")
    return config, changes, checkpoint


def as_json(test: Run, options: argparse.Namespace) -> int:
    """Start the test, wait for its end unless detached, and print one object; returns the exit code."""
    from gradtop.trainer.job import find_job
    from gradtop.trainer.launch import queue_worker, start_worker

    try:
        (queue_worker if options.queue else start_worker)(test, server=not options.no_server)
    except OSError as error:
        print_start_error(test, error)
        return 1
    reader = opened(test)
    about = {"id": test.id, "name": name_of(reader), "path": str(test.path)}
    if options.detach:
        print_json(about)
        return 0
    try:
        while not reader.state.has_ended and not reader.gone:
            time.sleep(LOOK_EVERY)
            reader.refresh()
    except KeyboardInterrupt:
        print_line(background_text(name_of(reader), reference(test, runs_directory(options))), sys.stderr)
        return 130
    print_json({**about, "state": reader.state, "error": reader.status.error, **find_job(JOB).record(reader)})
    return 1 if reader.state.went_wrong or reader.gone else 0


def print_result(test: Run) -> None:
    """The plot and the suggestions of a test that has ended."""
    from gradtop.tui.cli.output import colours_wanted, unicode_wanted
    from gradtop.tui.cli.plot import drawing_of, terminal_size

    reader = opened(test)
    draw = drawing_of(reader)
    if draw is not None and (text := draw(reader, *terminal_size(), colours=colours_wanted(sys.stdout), unicode=unicode_wanted(sys.stdout))):
        print_line(text)
