"""What was lost of the record."""

from __future__ import annotations

from collections.abc import Iterator

from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import History
from gradtop.trainer.record.streams.registry import EVALS, STEPS


@rule("records-lost")
def records_lost(run: History) -> Iterator[Finding]:
    """Records could not be written; training was not affected."""
    if lost := run.status.dropped:
        yield Finding(Severity.WARNING, f"{lost} records lost", f"{lost} records were lost: the curves have gaps", "look at the disk that the run is on", {"records": lost})


@rule("unreadable")
def unreadable(run: History) -> Iterator[Finding]:
    """A stream of the run cannot be read."""
    for name in (STEPS, EVALS):
        if problem := run.reader.stream(name).unreadable:
            yield Finding(Severity.ERROR, f"{name} unreadable", f"stream {name}: {problem}")
