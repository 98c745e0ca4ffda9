"""The data that a run trains on."""

from __future__ import annotations

from collections.abc import Iterator

from gradtop.trainer.analysis.event_text import left_out_text
from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import History
from gradtop.trainer.record import EventKind


@rule("samples-left-out")
def left_out(run: History) -> Iterator[Finding]:
    """Samples cannot be read, as the newest process found it."""
    newest = next((event for event in reversed(run.reader.rare) if event["kind"] == EventKind.LEFT_OUT), None)
    if newest is not None:
        yield Finding(Severity.WARNING, "unreadable samples", left_out_text(newest))
