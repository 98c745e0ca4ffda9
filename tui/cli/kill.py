"""`gradtop kill RUN …`."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING

from gradtop.tui.cli.consent import confirmed
from gradtop.tui.cli.control import (
    add_timeout,
    answered,
    end_of,
    print_answer,
    put_into_inbox,
    reply_code,
    require_alive,
    run_is_alive,
    send_as_signal,
)
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import add_runs, chosen_runs, name_of, opened
from gradtop.tui.cli.output import print_line

if TYPE_CHECKING:
    from gradtop.trainer.record import RunReader

EPILOG = """\
What was trained since the last checkpoint is lost; gradtop stop writes one
first. Asks for confirmation; --yes confirms. A worker of this host that does
not reply in time is killed (SIGKILL). Several runs are ended at the same time;
where one of them has ended already, none is. With --json each reply is a line
then. Exit code: 0 success, 1 no reply or not confirmed, 2 not possible in the
run's current state.
"""
TIMEOUT = 10.0  # a worker whose step does not end answers after two seconds


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "End runs immediately, without a checkpoint, or remove them from the queue."
    parser.epilog = EPILOG
    add_runs(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")
    add_timeout(parser, TIMEOUT)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    readers = [opened(each) for each in chosen_runs(options)]
    for reader in readers:
        require_alive(reader, options, "kill")
    if not (options.yes or confirmed("; ".join(map(consequence, readers)), "end it" if len(readers) == 1 else "end them")):
        print_line("Nothing was changed.", sys.stderr)
        return 1
    sent = [(reader, put_into_inbox(reader, "kill")) for reader in readers]
    if len(readers) == 1:
        return reply_to_kill(*sent[0], options)
    return max(reply_code(reader, found, options, reply_to_kill) for reader, found in sent)


def reply_to_kill(reader: RunReader, sent: str | OSError, options: argparse.Namespace) -> int:
    """Wait for the reply, or end the worker that gives none; returns the exit code. Raises UsageError where it is refused."""
    from gradtop.trainer.analysis.event_text import answer_text
    from gradtop.trainer.record import clean

    if isinstance(sent, OSError):
        return send_as_signal(reader, "kill", sent, options)
    answer = answered(reader, sent, options.timeout)
    if answer is not None and answer.get("ok"):
        print_answer(reader, "kill", answer, options)
        return 0
    if answer is not None:
        raise UsageError(f"{name_of(reader)}: {clean(answer_text(answer))}")
    return end_by_force(reader, options) if run_is_alive(reader) else end_of(reader, "kill", options)


def consequence(reader: RunReader) -> str:
    """What ending the run loses."""
    from gradtop.trainer.analysis.text import resumes_from
    from gradtop.trainer.record import RunState

    name = name_of(reader)
    if reader.state is RunState.QUEUED:
        return f"{name} will be removed from the queue"
    return f"{name} will end without a checkpoint; it can be resumed from {resumes_from(reader)}"


def end_by_force(reader: RunReader, options: argparse.Namespace) -> int:
    from gradtop.trainer.record.process import send_signals

    name, status = name_of(reader), reader.status
    print_line(f"gradtop: {name} did not reply within {options.timeout:g} s.", sys.stderr)
    if not send_signals(reader.run, status, signal.SIGKILL):
        print_line(f"gradtop: its process {status.pid} on {status.host} cannot be killed from here; the command stays in its inbox.", sys.stderr)
        return 1
    print_line(f"gradtop: its process {status.pid} was killed (SIGKILL).", sys.stderr)
    return end_of(reader, "kill", options)
