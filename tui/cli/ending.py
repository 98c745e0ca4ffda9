"""What a command prints about a run at its end: the outcome, or that the run continues in the background."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from gradtop.tui.cli.locate import job_of, name_of, reference, shown
from gradtop.tui.cli.output import print_line

if TYPE_CHECKING:
    from gradtop.trainer.record import RunReader, RunState
    from gradtop.tui.reading.snapshot import Facts

LAST_LINES = 3
MOST = 3  # findings
LONGEST = 400  # characters


def print_outcome(reader: RunReader, runs: Path) -> int:
    """Print how a run has ended and what to do next; returns the exit code: 0, or 1 for a run that failed or died."""
    from gradtop.trainer.analysis.death import how_it_died
    from gradtop.trainer.analysis.formatting import duration, number
    from gradtop.trainer.analysis.newest import newest_status
    from gradtop.trainer.analysis.text import skipped_text, stopped_early_text
    from gradtop.trainer.record import RunState, clean

    name, status, word = name_of(reader), reader.status, reference(reader.run, runs)
    if status.not_resumed:
        print_line(f"gradtop: {name} {clean(status.error)}", sys.stderr)
        print_line(f"The worker's log: {shown(reader.run.log)}", sys.stderr)
        return 1
    if reader.state is RunState.DONE:
        early, skipped = stopped_early_text(status), skipped_text(status)
        print_line(f"{name} is done after {duration(status.seconds)}{f', {early}' if early else ''}{f'; {skipped}' if skipped else ''}{best(reader)}.")
        print_findings(reader, word)
        return 0
    if reader.state is RunState.STOPPED:
        print_line(f"{name} was stopped after step {number(status.step)}{best(reader)}. {capitalized(next_step_text(reader, word))}")
        if status.error:
            print_line(f"gradtop: {name} {clean(status.error)}", sys.stderr)
        print_findings(reader, word)
        return 0
    if reader.state is RunState.FAILED:
        print_line(f"gradtop: {name} failed: {clean(status.error) or 'no reason was recorded'}", sys.stderr)
    else:
        how = how_it_died(reader.run, reader.state, status)
        print_line(f"gradtop: {name} died after step {number(newest_status(reader).step)}{f' ({how})' if how else ''}. {capitalized(next_step_text(reader, word))}", sys.stderr)
        for line in last_printed(reader):
            print_line(f"  {line}", sys.stderr)
    print_findings(reader, word, sys.stderr)
    print_line(f"The worker's log: {shown(reader.run.log)}", sys.stderr)
    return 1


def print_findings(reader: RunReader, word: str, out: TextIO | None = None) -> None:
    """What is wrong with the run and what to do about it, the worst first."""
    from gradtop.trainer.analysis.findings import report
    from gradtop.trainer.record import clean

    found = report(reader).besides_the_ending().present  # the line above has said how it ended
    for finding in found[:MOST]:
        print_line(clean(f"  {finding.symbol} {finding.sentence}", LONGEST), out)
        if finding.advice:
            print_line(clean(f"    {finding.advice}", LONGEST), out)
    if len(found) > MOST:
        print_line(f"  {len(found) - MOST} more: gradtop show {word}", out)


def next_step_text(reader: RunReader, word: str) -> str:
    """What can be done with a run that ended before its time: "continue from its last checkpoint (step 343): gradtop resume quiet-heron"."""
    from gradtop.trainer.analysis.text import resumes_from

    if not job_of(reader).resumable and reader.status.step:
        return f"start it again: gradtop rerun {word}"
    return f"continue from {resumes_from(reader)}: gradtop resume {word}"


def capitalized(words: str) -> str:
    """With a capital first letter."""
    return f"{words[:1].upper()}{words[1:]}"


def outcome(state: RunState) -> str:
    """How a run without a worker stands, as the end of a sentence."""
    from gradtop.trainer.record import RunState

    return {
        RunState.CREATED: "has not been started",
        RunState.DONE: "is done",
        RunState.STOPPED: "was stopped",
        RunState.FAILED: "has failed",
        RunState.DIED: "has died",
        RunState.UNKNOWN: "has a status that cannot be read",
    }.get(state, "was deleted")


def best(reader: RunReader) -> str:
    """"; best val loss 0.041, accuracy 0.9889 (epoch 9)", or "" before the first evaluation."""
    from gradtop.trainer.analysis.text import best_text

    text = best_text(reader.status)
    return f"; best {text}" if text else ""


def last_printed(reader: RunReader) -> list[str]:
    """The last lines that the worker of a run that went wrong has printed."""
    if not reader.state.went_wrong:
        return []
    return list(reader.last_log_lines(LAST_LINES))


def background_text(name: str, word: str) -> str:
    return f"{name} continues in the background. Watch: gradtop watch {word} · stop: gradtop stop {word}"


def closing_text(facts: Facts, runs: Path) -> str:
    """What is printed when the screen has closed; "" where it showed no run."""
    from gradtop.trainer.analysis.text import stopped_early_text
    from gradtop.trainer.record import RunState, clean

    if facts.run is None or facts.gone:
        return ""
    name, word = clean(facts.name, 80), reference(facts.run, runs)
    if facts.state is RunState.QUEUED:
        return f"{name} is still queued. Watch: gradtop watch {word} · remove from the queue: gradtop stop {word}"
    if facts.alive:
        return background_text(name, word)
    early = stopped_early_text(facts.status)
    return f"{name} {outcome(facts.state)}{f', {early}' if early else ''}. Reopen: gradtop watch {word}"
