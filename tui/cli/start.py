"""Starting a run's worker, then watching, following or leaving it: the end of train, resume and rerun."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from gradtop.tui.cli.consent import add_yes
from gradtop.tui.cli.ending import background_text, print_outcome
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import has_screen, job_of, name_of, opened, reference, shown
from gradtop.tui.cli.output import print_json, print_line
from gradtop.tui.cli.signals import PassOn
from gradtop.tui.screen_client.start import start_screen_server

if TYPE_CHECKING:
    from gradtop.trainer.record import EventReader, Run

LOOK_EVERY = 0.2
RESULTS = ("epoch", "epochs", "step", "steps", "seconds", "loss", "val_loss", "val_accuracy", "metrics", "monitor", "monitor_mode", "best", "best_epoch")  # of a training


def add_way(parser: argparse.ArgumentParser) -> None:
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--watch", action="store_true", help="open the screen (without a terminal: print one line per epoch)")
    way.add_argument("--detach", action="store_true", help="start and return immediately (otherwise Ctrl+C stops printing, and SIGTERM the run too)")
    parser.add_argument("--queue", action="store_true", help="queue the run until the device is free")
    parser.add_argument("--json", action="store_true", help="print JSON at the end, or with --detach at once, instead of progress")
    add_yes(parser)
    add_no_server(parser)


def check_way(options: argparse.Namespace) -> None:
    """Raises UsageError where the ways to start a run exclude each other."""
    if options.json and options.watch:
        raise UsageError("--json cannot be combined with --watch")


def add_no_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-server", action="store_true", help="import PyTorch and Textual in each new process instead of forking it from a server")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Arguments of the commands that create a run."""
    parser.add_argument("changes", metavar="KEY=VALUE", nargs="*", help="configuration override, such as optimizer.lr=3e-4")
    add_way(parser)
    parser.add_argument("--name", help="name of the run (default: random)")
    parser.add_argument("--tag", dest="tags", action="append", default=[], metavar="TAG", help="tag the run; may be repeated")
    parser.add_argument("--note", default="", metavar="TEXT", help="a note on the run")


def check_settings(options: argparse.Namespace) -> None:
    """Raises UsageError or RecordError for malformed overrides, an invalid name, tag or note; values are checked with the configuration."""
    from gradtop.trainer.record import require_name, require_note, require_tags

    check_changes(options.changes)
    check_way(options)
    if options.name is not None:
        require_name(options.name)
    options.tags, options.note = require_tags(options.tags), require_note(options.note)


def check_changes(changes: list[str]) -> None:
    """Raises UsageError for an argument that is not key=value."""
    for word in changes:
        if "=" not in word:
            raise UsageError(f"{word!r} is not KEY=VALUE, such as optimizer.lr=3e-4")


def begin(run: Run, runs: Path, options: argparse.Namespace, *, resume: bool = False) -> int:
    """Start the worker, then watch, follow or return, depending on the options."""
    from gradtop.trainer.launch import queue_worker, start_worker
    from gradtop.trainer.record import EventReader

    if options.json:
        return begin_quietly(run, runs, options, resume=resume)
    events = EventReader(run)
    events.refresh()  # only new events are printed
    signals = PassOn(run)
    if not options.detach and not (options.watch and has_screen()):
        signals.install()
    try:
        (queue_worker if options.queue else start_worker)(run, resume=resume, server=not options.no_server)
    except OSError as error:
        print_start_error(run, error)
        return 1
    except KeyboardInterrupt:
        # The worker is in its own session and continues to start.
        print_line(background_text(name_of(opened(run)), reference(run, runs)))
        return 130
    if options.watch and has_screen():
        return watched(run, runs, server=not options.no_server)
    if has_screen() and not options.no_server:
        # Somebody at a terminal has started something that they will want to see.
        start_screen_server()
    if options.queue:
        print_queued(run, runs)
    else:
        print_started(run, runs, resume=resume, detached=options.detach)
    return 0 if options.detach else followed(run, runs, events, signals)


def begin_quietly(run: Run, runs: Path, options: argparse.Namespace, *, resume: bool) -> int:
    """Start the worker, wait for the end of the run unless detached, and print one object; returns the exit code."""
    from gradtop.trainer.launch import queue_worker, start_worker

    try:
        (queue_worker if options.queue else start_worker)(run, resume=resume, server=not options.no_server)
    except OSError as error:
        print_start_error(run, error)
        return 1
    reader = opened(run)
    about = {"id": run.id, "name": name_of(reader), "path": str(run.path)}
    if options.detach:
        print_json(about)
        return 0
    try:
        while not reader.state.has_ended and not reader.gone:
            time.sleep(LOOK_EVERY)
            reader.refresh()
    except KeyboardInterrupt:
        print_line(background_text(name_of(reader), reference(run, runs)), sys.stderr)
        return 130
    status, job = reader.status, job_of(reader)
    result = {name: getattr(status, name) for name in RESULTS} if job.trains else job.result.record(reader)
    print_json({**about, "state": reader.state, "error": status.error, **result})
    return 1 if reader.state.went_wrong or reader.gone else 0


def watched(run: Run, runs: Path, *, server: bool) -> int:
    """Open the screen until the user leaves it; report a run that failed or died meanwhile on the terminal as well."""
    from gradtop.tui.cli.home import open_screen

    code = open_screen(run, runs, server=server, mode="overview")
    reader = opened(run)
    return print_outcome(reader, runs) if reader.state.went_wrong else code


def followed(run: Run, runs: Path, events: EventReader, signals: PassOn) -> int:
    from gradtop.tui.cli.follow import follow

    return follow(run, runs, events=events, signals=signals)


def print_start_error(run: Run, error: OSError) -> None:
    from gradtop.trainer.record import clean

    reason = f"{error.filename}: {error.strerror}" if error.strerror else str(error)
    print_line(f"gradtop: {clean(run.id)} did not start: {clean(reason)}", sys.stderr)
    print_line(f"The worker's log: {shown(run.log)}", sys.stderr)


def print_started(run: Run, runs: Path, *, resume: bool, detached: bool) -> None:
    name, word = name_of(opened(run)), reference(run, runs)
    print_line(f"{name} {'resumed' if resume else 'started'} in the background: {shown(run.path)}")
    if detached:
        print_line(f"Status: gradtop show {word} · watch: gradtop watch {word} · stop: gradtop stop {word}")


def print_queued(run: Run, runs: Path) -> None:
    from gradtop.trainer.record import queued_runs

    name, word = name_of(opened(run)), reference(run, runs)
    before = next((place.before for place in queued_runs(run.path.parent) if place.run == run), ())
    if before:
        others = ", ".join(name_of(opened(other)) for other in before)
        print_line(f"{name} is queued behind {others}. Remove it from the queue: gradtop stop {word}")
    else:
        print_line(f"{name} starts immediately: {shown(run.path)}")
