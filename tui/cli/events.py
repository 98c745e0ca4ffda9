"""`gradtop events RUN`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from gradtop.tui.cli.locate import add_run, chosen_run, opened, shown
from gradtop.tui.cli.output import print_json_line, print_line, toned

if TYPE_CHECKING:
    from gradtop.trainer.record import Event, RunReader

EPILOG = """\
Prints epochs, checkpoints, live changes, warnings and the like, the oldest
first, each with its number: the line in events.jsonl. --since N prints those
after number N, so that a program goes on where it left off; --follow goes on
until the run has ended. With --json each event is one line (JSON Lines):
number, time, kind and the fields of its kind (gradtop help run-directory).
Exit code: 0 success, 1 the run was deleted, 2 usage error, 130 interrupted.

  gradtop events last
  gradtop events last --json --since 120 --follow
  gradtop events last --json | jq -c 'select(.kind == "epoch") | .val_loss'
"""
LOOK_EVERY = 0.25


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Print the events of a run."
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("--since", type=natural, default=0, metavar="N", help="only events after number N")
    parser.add_argument("-f", "--follow", action="store_true", help="print new events until the run has ended")
    parser.add_argument("--json", action="store_true", help="print JSON, one line for each event")


def natural(text: str) -> int:
    """Raises ArgumentTypeError, which argparse words."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of an event, 0 or more")
    return int(text)


def run(options: argparse.Namespace) -> int:
    reader = opened(chosen_run(options))
    return print_events(reader, options.since, follow=options.follow, show=print_record if options.json else print_event)


def print_events(
    reader: RunReader, since: int, *, follow: bool, show: Callable[[int, Event], None], wait: Callable[[float], None] = time.sleep
) -> int:
    """Print the events, and those that are added until the run has ended; returns the exit code."""
    from gradtop.trainer.record.event_log import EventLog

    log = EventLog(reader.run, since)
    while True:
        # Whether it has ended is read before the events, so that all of them are there then.
        goes_on = follow and reader.state.is_alive and not reader.gone
        for number, event in log.read():
            show(number, event)
        if not log.is_whole:
            continue
        if not goes_on:
            break
        wait(LOOK_EVERY)
        reader.refresh()
    if reader.gone:
        print_line(f"gradtop: {shown(reader.run.path)} was deleted.", sys.stderr)
        return 1
    return 0


def print_record(number: int, event: Event) -> None:
    print_json_line({"number": number, **event})


def print_event(number: int, event: Event) -> None:
    from gradtop.trainer.analysis.event_text import event_line
    from gradtop.trainer.analysis.formatting import date

    found = event_line(event)
    moment = float(event.get("time") or 0.0)
    print_line(f"{number:>5}  {date(moment, '%Y-%m-%d %H:%M:%S') if moment else '–':<19}  {toned(found.text, found.tone)}")
