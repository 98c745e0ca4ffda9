"""`gradtop NAME CONFIG|RUN [key=value …]`: start a job that declares a `JobCommand`, such as `lr-range`, and print its result."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gradtop.trainer.home import at_home
from gradtop.trainer.job import Job, JobCommand, job_commands
from gradtop.tui.cli.consent import agree_to, agree_to_file, agreed
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import add_run, chosen_run, has_screen, job_of, name_of, opened, runs_directory
from gradtop.tui.cli.output import print_json, print_line
from gradtop.tui.cli.start import add_settings, begin, check_settings

if TYPE_CHECKING:
    from gradtop.trainer.config import Change, Config
    from gradtop.trainer.record import Run

LOOK_EVERY = 0.1


def declared(name: str) -> tuple[Job, JobCommand]:
    """The job that a command starts, and the command."""
    job = job_commands()[name]
    assert job.command is not None  # noqa: S101 - those with a command are listed
    return job, job.command


def configure(parser: argparse.ArgumentParser) -> None:
    _, command = declared(parser.get_default("command"))
    parser.description = f"{command.summary[0].upper()}{command.summary[1:]}."
    parser.epilog = command.details
    if command.needs_checkpoint:
        add_run(parser)
    else:
        parser.add_argument("run", metavar="CONFIG|RUN", help="TOML file or run")
    add_settings(parser)
    if command.needs_checkpoint:
        parser.add_argument("--checkpoint", metavar="CHECKPOINT", help="best, last, a step, or a file (default: best, last where no checkpoint was evaluated)")
    for name, (metavar, text) in command.options.items():
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar=metavar, help=text)
    if command.write is not None:
        parser.add_argument("--write", metavar=command.write[0], help=command.write[1])


def run(options: argparse.Namespace) -> int:
    check_settings(options)

    from gradtop.trainer.launch import create_run

    job, command = declared(options.command)
    names = [*command.options, *(["write"] if command.write is not None else [])]
    words = [*options.changes, *(f"{job.name}.{name}={value}" for name in names if (value := getattr(options, name)) is not None)]
    path = at_home(options.run)
    if command.needs_checkpoint:
        source = chosen_run(options)
        if command.write is not None and options.write is not None and job_of(opened(source)).name == job.name:
            return write_weights(source, job, options)
        runs = runs_directory(options) if options.runs else source.path.parent
        new = created(runs, source, options, *of_checkpoint(source, job, words, options))
    elif path.is_file() or path.suffix == ".toml":
        from gradtop.trainer.config import load_config
        from gradtop.tui.cli.train import config_file

        runs = runs_directory(options)
        config = load_config(config_file(options.run), words, job=job.name)
        agree_to_file(path, options)
        new = create_run(runs, config, name=options.name, command=sys.argv, tags=options.tags, note=options.note)
    else:
        source = chosen_run(options)
        runs = runs_directory(options) if options.runs else source.path.parent
        new = created(runs, source, options, *of_run(source, job, command, words, quiet=options.json))
    if options.json:
        return begin(new, runs, options)
    if announced := job.result.announcement(new):
        print_line(f"{announced}.")
    code = begin(new, runs, options)
    if code == 0 and not options.detach and not (options.watch and has_screen()):
        print_result(new)
    return code


def created(runs: Path, source: Run, options: argparse.Namespace, config: Config, changes: list[Change], checkpoint: Path | None) -> Run:
    """The run of a job on another run. Raises RecordError, also where a pattern fits nothing of that run."""
    from gradtop.trainer.launch import create_run
    from gradtop.trainer.launch.known_names import require_known_names

    require_known_names(source, config, changes)
    return agreed(
        options,
        lambda: create_run(runs, config, name=options.name, parent=source, checkpoint=checkpoint, changes=changes, command=sys.argv, tags=options.tags, note=options.note),
    )


def of_run(source: Run, job: Job, command: JobCommand, words: list[str], *, quiet: bool) -> tuple[Config, list[Change], Path | None]:
    """The configuration of a job on that run, what differs from the run's, and the checkpoint whose weights it starts with."""
    from gradtop.trainer.launch.forks import newest_weights
    from gradtop.trainer.launch.run_config import changed_config

    _, config, changes = changed_config(source, words, job=job.name)
    if not command.takes_weights:
        return config, changes, None
    checkpoint, why = newest_weights(source, changes)
    if why and not quiet:
        print_line(f"Starts with initial weights: {why}.")
    return config, changes, checkpoint


def of_checkpoint(source: Run, job: Job, words: list[str], options: argparse.Namespace) -> tuple[Config, list[Change], Path]:
    """As `of_run`, of a job that works on what a checkpoint holds. Raises UsageError and RecordError where there is none."""
    from gradtop.trainer.launch.create import require_checkpoint_file
    from gradtop.trainer.launch.forks import find_checkpoint, usual_checkpoint, why_no_float_weights
    from gradtop.trainer.launch.run_config import changed_config

    reader = opened(source)
    if why := why_no_float_weights(job_of(reader), name_of(reader)):
        raise UsageError(why)
    checkpoint = find_checkpoint(source, options.checkpoint or usual_checkpoint(source))
    require_checkpoint_file(checkpoint.path)
    _, config, changes = changed_config(source, words, job=job.name)
    if anew := [change.key for change in changes if change.effect == "restart" and not change.key.startswith(f"{job.name}.")]:
        raise UsageError(f"{', '.join(anew)}: the checkpoint is of a model that was trained otherwise; leave {'it' if len(anew) == 1 else 'them'} out")
    return config, changes, checkpoint.path


def write_weights(source: Run, job: Job, options: argparse.Namespace) -> int:
    """Have a run of the job write one of its results as a checkpoint, and say where it lies; returns the exit code."""
    from gradtop.trainer.launch.written_weights import write_result

    if options.changes or options.checkpoint is not None:
        raise UsageError(f"{name_of(opened(source))} is {job.title} already, and --write takes no settings there; leave out {' '.join(options.changes) or '--checkpoint'}")
    agree_to(source, options)
    try:
        written = write_result(source, job.name, options.write, server=not options.no_server)
    except OSError as error:
        raise UsageError(str(error)) from error
    if options.json:
        print_json({"id": source.id, "name": name_of(opened(source)), "path": str(source.path), **written})
    else:
        print_line(f"{written['note']}, written to {written['checkpoint']}")
    return 0


def print_result(ended: Run) -> None:
    """The plot of a job that has ended, which has its result; what `gradtop show` says of that where it has no plot."""
    from gradtop.trainer.record import clean
    from gradtop.tui.cli.output import colours_wanted, unicode_wanted
    from gradtop.tui.cli.plot import drawing_of, terminal_size

    reader = opened(ended)
    draw = drawing_of(reader)
    if draw is None:
        for title, text in job_of(reader).result.lines(reader):
            print_line(f"{title}: {clean(text)}")
    elif text := draw(reader, *terminal_size(), colours=colours_wanted(sys.stdout), unicode=unicode_wanted(sys.stdout)):
        print_line(text)
