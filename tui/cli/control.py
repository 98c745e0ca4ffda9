"""`gradtop pause|continue|checkpoint|stop RUN …`, and what the other commands to a live run share with them."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gradtop.tui.cli.ending import next_step_text, outcome
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import add_runs, chosen_runs, name_of, opened, reference, runs_directory
from gradtop.tui.cli.output import print_json, print_json_line, print_line

if TYPE_CHECKING:
    from gradtop.trainer.record import RunReader

EPILOG = """\
Waits for the worker to reply, which happens after the current step, and prints
the reply. Several runs get the command at the same time; where it is not
possible in the state of one of them, none gets it. With --json each reply is a
line then. Exit code: 0 success, 1 no reply, 2 not possible in the run's current
state.
"""
LOOK_EVERY = 1.0
SAY_AFTER = 3.0  # seconds without a reply, that this is waited for


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add_runs(parser)
    add_timeout(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_timeout(parser: argparse.ArgumentParser, default: float = 60.0) -> None:
    parser.add_argument("--timeout", type=seconds, default=default, metavar="SECONDS", help=f"how long to wait for the reply (default: {default:g})")


def seconds(text: str) -> float:
    """Raises ArgumentTypeError, which argparse reports."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not found >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return found


def run(options: argparse.Namespace) -> int:
    readers = [opened(each) for each in chosen_runs(options)]
    for reader in readers:
        require_alive(reader, options, options.command)
    if len(readers) == 1:
        return send_command(readers[0], options, options.command)
    # All are asked before the first reply is waited for.
    sent = [(reader, put_into_inbox(reader, options.command)) for reader in readers]
    return max(reply_code(reader, found, options, reply_to_command) for reader, found in sent)


def put_into_inbox(reader: RunReader, command: str, **arguments: object) -> str | OSError:
    """The identity of the command, or why the inbox cannot be written."""
    from gradtop.trainer.record import send

    try:
        return send(reader.run, command, **arguments)
    except OSError as error:
        return error


def reply_to_command(reader: RunReader, sent: str | OSError, options: argparse.Namespace) -> int:
    return reply_to(reader, sent, options, options.command)


def reply_code(reader: RunReader, sent: str | OSError, options: argparse.Namespace, reply: Callable[[RunReader, str | OSError, argparse.Namespace], int]) -> int:
    """Of one run among several: what it refuses must not keep the replies of the others from being waited for."""
    try:
        return reply(reader, sent, options)
    except UsageError as error:
        print_line(f"gradtop: {error}", sys.stderr)
        return 2


def send_command(reader: RunReader, options: argparse.Namespace, command: str, *, confirm: Callable[[str], bool] | None = None, **arguments: object) -> int:
    """Send the command to the run and print the worker's reply; returns the exit code. Raises UsageError if it is refused.

    `confirm` is asked with a sentence where the worker does it only when it is confirmed.
    """
    return reply_to(reader, put_into_inbox(reader, command, **arguments), options, command, confirm=confirm, **arguments)


def reply_to(
    reader: RunReader, sent: str | OSError, options: argparse.Namespace, command: str, *, confirm: Callable[[str], bool] | None = None, **arguments: object
) -> int:
    """As `send_command`, of what was sent."""
    from gradtop.trainer.analysis.event_text import answer_text
    from gradtop.trainer.record import clean, send

    if isinstance(sent, OSError):
        return send_as_signal(reader, command, sent, options)
    name = name_of(reader)
    answer = answered(reader, sent, options.timeout)
    if answer is not None and answer.get("unconfirmed") and confirm is not None:
        if not confirm(f"{name}: {clean(answer_text(answer))}"):
            print_line("Nothing was changed.", sys.stderr)
            return 1
        answer = answered(reader, send(reader.run, command, **arguments, confirmed=True), options.timeout)
    if answer is not None and answer.get("ok"):
        print_answer(reader, command, answer, options)
        return 0
    if answer is not None:
        raise UsageError(f"{name}: {clean(answer_text(answer))}")
    if run_is_alive(reader):
        print_line(f"gradtop: {name} did not reply within {options.timeout:g} s; the command stays in its inbox.", sys.stderr)
    else:
        print_line(f"gradtop: {name} {outcome(reader.state)} and did not reply.", sys.stderr)
    return 1


def print_answer(reader: RunReader, command: str, answer: Mapping[str, object], options: argparse.Namespace) -> None:
    """What the worker has replied to a command that it carried out."""
    from gradtop.trainer.analysis.event_text import answer_text
    from gradtop.trainer.record import clean

    text = clean(answer_text(answer))
    if not options.json:
        print_line(f"{name_of(reader)}: {text}")
        return
    reader.refresh()
    print_about(options, {**about_run(reader, command), "text": text, "answer": {key: value for key, value in answer.items() if key not in {"id", "kind"}}})


def print_about(options: argparse.Namespace, value: Mapping[str, object]) -> None:
    """An object of one run, a line for each of several."""
    several = len(getattr(options, "runs_named", ())) > 1
    (print_json_line if several else print_json)(value)


def about_run(reader: RunReader, command: str) -> dict[str, object]:
    """What the JSON of every command to a run begins with."""
    return {"id": reader.run.id, "name": name_of(reader), "path": str(reader.run.path), "state": reader.state, "command": command}


def send_as_signal(reader: RunReader, command: str, error: OSError, options: argparse.Namespace) -> int:
    """Ask by a signal what could not be put into the run's inbox, and wait for its end. Raises UsageError where no signal means it."""
    from gradtop.trainer.record.process import ask_by_signal

    sent, name = ask_by_signal(reader.run, reader.status, command), name_of(reader)
    if not sent:
        raise UsageError(f"the inbox of {name} cannot be written ({error.strerror}); nothing was sent to its worker") from error
    print_line(f"gradtop: the inbox of {name} cannot be written ({error.strerror}); sent {sent} to its process {reader.status.pid} instead.", sys.stderr)
    return end_of(reader, command, options)


def end_of(reader: RunReader, command: str, options: argparse.Namespace) -> int:
    """Wait for the end of a run and print how it stands then; returns the exit code."""
    timeout = options.timeout
    until = time.monotonic() + timeout
    while run_is_alive(reader) and time.monotonic() < until:
        time.sleep(LOOK_EVERY / 10)
        reader.refresh()
    if run_is_alive(reader):
        print_line(f"gradtop: {name_of(reader)} has not ended within {timeout:g} s.", sys.stderr)
        return 1
    text = f"{name_of(reader)} {outcome(reader.state)}"
    if options.json:
        print_about(options, {**about_run(reader, command), "text": text, "answer": None})
    else:
        print_line(f"{text}.")
    return 0


def answered(reader: RunReader, identity: str, timeout: float) -> Mapping[str, object] | None:
    """The worker's answer; None where none came in time, or none can come any more."""
    from gradtop.trainer.record import wait_for_answer

    until, said = time.monotonic() + timeout, False
    while True:
        # What a worker has answered before its end is there when the end is.
        reader.refresh()
        left = until - time.monotonic() if run_is_alive(reader) else 0.0
        answer = wait_for_answer(reader.run, identity, max(0.0, min(left, LOOK_EVERY)))
        if answer is not None or left <= 0:
            return answer
        if not said and timeout - left > SAY_AFTER:
            said = True
            from gradtop.trainer.analysis.formatting import age

            heard = age(time.time() - reader.status.updated)
            print_line(f"gradtop: {name_of(reader)} has not replied yet, its last heartbeat was {heard}; waiting for {left:.0f} s more.", sys.stderr)


def run_is_alive(reader: RunReader) -> bool:
    return reader.state.is_alive and not reader.gone


def require_alive(reader: RunReader, options: argparse.Namespace, command: str) -> None:
    """Raises UsageError with a suggestion."""
    if run_is_alive(reader):
        return
    from gradtop.trainer.record import RunState

    if reader.state is RunState.UNKNOWN and not reader.gone:
        raise UsageError(f"cannot {command} {name_of(reader)}, as nobody can tell whether it lives: {reader.problems.get(reader.run.status.name, outcome(reader.state))}")
    word = reference(reader.run, runs_directory(options))
    instead = {
        RunState.CREATED: f"start it: gradtop resume {word}",
        RunState.DONE: f"start a new run with its settings: gradtop rerun {word}",
    }.get(reader.state) or next_step_text(reader, word)
    raise UsageError(f"cannot {command} {name_of(reader)}: it {outcome(reader.state)}; {instead}")
