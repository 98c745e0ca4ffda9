"""Starting a run's worker, then watching, following or leaving it: the end of train, resume and rerun."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gradtop.tui.cli.consent import add_yes
from gradtop.tui.cli.ending import background_text, print_outcome
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import has_screen, name_of, opened, reference, shown
from gradtop.tui.cli.output import print_line
from gradtop.tui.cli.signals import PassOn

if TYPE_CHECKING:
    from gradtop.trainer.record import EventReader, Run


def add_way(parser: argparse.ArgumentParser) -> None:
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--watch", action="store_true", help="open the screen (without a terminal: print one line per epoch)")
    way.add_argument("--detach", action="store_true", help="start and return immediately")
    parser.add_argument("--queue", action="store_true", help="queue the run until the device is free")
    add_yes(parser)
    add_no_server(parser)


def add_no_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-server", action="store_true", help="import PyTorch in the new process instead of forking it from the torch server")


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
    if options.queue:
        print_queued(run, runs)
    else:
        print_started(run, runs, resume=resume, detached=options.detach)
    return 0 if options.detach else followed(run, runs, events, signals)


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
