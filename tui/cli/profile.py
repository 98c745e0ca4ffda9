"""`gradtop profile`: profiles the next steps of a run that trains, else starts a profile as any job."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from gradtop.trainer.home import at_home
from gradtop.tui.cli import job
from gradtop.tui.cli.control import answered, run_is_alive
from gradtop.tui.cli.ending import outcome
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import chosen_run, name_of, opened, reference, runs_directory
from gradtop.tui.cli.output import print_json, print_line

if TYPE_CHECKING:
    from gradtop.trainer.record import Event, RunReader

ANSWERS_WITHIN = 60.0  # seconds
LOOK_EVERY = 0.1


def configure(parser: argparse.ArgumentParser) -> None:
    job.configure(parser)


def run(options: argparse.Namespace) -> int:
    reader = running(options)
    return job.run(options) if reader is None else profile_running(reader, options)


def running(options: argparse.Namespace) -> RunReader | None:
    """The run that RUN names, where it trains; None where a profile of its own is to be started. Raises UsageError for one that waits."""
    from gradtop.trainer.job import DEFAULT_JOB
    from gradtop.trainer.record import RunState

    path = at_home(options.run)
    if path.is_file() or path.suffix == ".toml":
        return None
    reader = opened(chosen_run(options))
    if not run_is_alive(reader) or reader.meta.job != DEFAULT_JOB:
        return None
    if reader.state in {RunState.QUEUED, RunState.CREATED}:
        raise UsageError(f"{name_of(reader)} {outcome(reader.state)}; profile it when it trains, or its configuration now: gradtop profile {reader.run.config}")
    return reader


def profile_running(reader: RunReader, options: argparse.Namespace) -> int:
    """Have the worker profile its next steps, and print what it found; returns the exit code."""
    from gradtop.trainer.analysis.event_text import answer_text
    from gradtop.trainer.job import PROFILE
    from gradtop.trainer.record import RunState, clean, send

    name = name_of(reader)
    if options.changes or options.watch or options.queue:
        raise UsageError(f"{name} is running: its next steps are profiled as it runs, without settings, --watch or --queue")
    identity = send(reader.run, PROFILE, steps=steps_of(options.steps))
    answer = answered(reader, identity, ANSWERS_WITHIN)
    if answer is None:
        print_line(f"gradtop: {name} did not reply within {ANSWERS_WITHIN:g} s" if run_is_alive(reader) else f"gradtop: {name} {outcome(reader.state)} and did not reply.", sys.stderr)
        return 1
    if not answer.get("ok"):
        raise UsageError(f"{name}: {clean(answer_text(answer))}")
    paused = reader.state is RunState.PAUSED
    if options.json and (options.detach or paused):
        print_json({"id": reader.run.id, "name": name, "path": str(reader.run.path), **{key: answer.get(key) for key in ("steps", "first", "last")}})
    elif not options.json:
        print_line(f"{name} is {'paused' if paused else 'running'}: {clean(answer_text(answer))}{' when it continues' if paused else ''}")
    if options.detach or paused:
        return 0
    try:
        event = awaited(reader, identity)
    except KeyboardInterrupt:
        print_line(f"{name} goes on, and its profile, too: gradtop show {reference(reader.run, runs_directory(options))}", sys.stderr)
        return 130
    return printed(reader, event, options)


def steps_of(word: str | None) -> int | None:
    """Raises UsageError for what is no number."""
    from gradtop.trainer.record.profiles import MOST_STEPS

    if word is None:
        return None
    if not word.isascii() or not word.isdigit() or not 1 <= int(word[:9]) <= MOST_STEPS:
        raise UsageError(f"--steps {word}: from 1 to {MOST_STEPS} steps can be profiled")
    return int(word)


def awaited(reader: RunReader, identity: str) -> Event | None:
    """The event that tells of the profile of this command; None where the run ended without."""
    from gradtop.trainer.record import EventKind

    while True:
        reader.refresh()
        events = list(reader.events)
        # One at a time is taken: the first after the answer is that of the command.
        place = next((number for number, event in enumerate(events) if event.get("id") == identity), 0)
        if (found := next((event for event in events[place:] if event["kind"] == EventKind.PROFILE), None)) is not None:
            return found
        if not run_is_alive(reader):
            return None
        time.sleep(LOOK_EVERY)


def printed(reader: RunReader, event: Event | None, options: argparse.Namespace) -> int:
    """Print the profile that an event tells of; returns the exit code."""
    from gradtop.trainer.jobs.profile.result import described, profile_record
    from gradtop.trainer.record import clean
    from gradtop.trainer.record.bounds import Unreadable
    from gradtop.trainer.record.profiles import read_profile, summary_path

    name, step = name_of(reader), (event or {}).get("step")
    problem = "" if event is not None and event.get("path") else str((event or {}).get("reason") or f"the run {outcome(reader.state)}")
    about = {"id": reader.run.id, "name": name, "path": str(reader.run.path), "state": reader.state}
    if not problem and isinstance(step, int):
        path = summary_path(reader.run, step)
        try:
            profile = read_profile(path)
        except Unreadable as error:
            problem = str(error)
        else:
            if options.json:
                print_json({**about, "error": "", **profile_record(path, profile)})
            else:
                for title, text in described(path, profile):
                    print_line(f"  {title:<14}{clean(text, 4000)}")
            return 0
    if options.json:
        print_json({**about, "error": problem, "summary": None, "trace": None, "profile": None})
    else:
        print_line(f"gradtop: no profile of {name}: {problem}", sys.stderr)
    return 1
