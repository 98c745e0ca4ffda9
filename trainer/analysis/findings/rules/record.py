"""What was lost of the record, and what is not measured."""

from __future__ import annotations

from collections.abc import Iterator

from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import RunHistory
from gradtop.trainer.analysis.formatting import duration, number
from gradtop.trainer.record import clean
from gradtop.trainer.record.streams.registry import ALL, EVALS, LAYERS, STEPS

LONG, APART = 300.0, 300.0  # seconds


@rule("records-lost")
def records_lost(run: RunHistory) -> Iterator[Finding]:
    """Records could not be written; training was not affected.

    Threshold: one record.
    Source: status.json.
    """
    if lost := run.status.dropped:
        sentence = f"{number(lost)} records were lost: the curves have gaps"
        yield Finding(Severity.WARNING, f"{number(lost)} records lost", sentence, "look at the disk that the run is on", {"records": lost})


@rule("unreadable")
def unreadable(run: RunHistory) -> Iterator[Finding]:
    """A stream of the run cannot be read.

    Threshold: one segment.
    Source: the schema of the segment.
    """
    for name in (STEPS, EVALS):
        if problem := run.reader.stream(name).unreadable:
            yield Finding(Severity.ERROR, f"{name} unreadable", f"stream {name}: {problem}", "another version of gradtop may read it", {"stream": name})


@rule("sparse-monitoring", "parameters")
def sparse_monitoring(run: RunHistory) -> Iterator[Finding]:
    """What happens inside the model is measured seldom, or not at all, so that findings about it come late or never.

    Threshold: a run that has trained for 5 minutes has norms less often than every 5 minutes, or the worker has given up on them.
    Source: gradtop.
    """
    layers = run.reader.stream(LAYERS)
    if not run.setting("monitor.enabled", True) or not run.taken:
        return
    if reason := layers.unavailable(ALL):
        yield Finding(Severity.NOTE, "norms not measured", f"norms of the parameters are not measured: {clean(reason, 200)}", "", {"reason": clean(reason, 200)})
    elif run.status.seconds > LONG and layers.count * APART < run.status.seconds:
        every = run.status.seconds / layers.count if layers.count else run.status.seconds
        sentence = f"norms of the parameters were measured {number(layers.count)} times in {duration(run.status.seconds)}"
        yield Finding(Severity.NOTE, "monitoring sparse", sentence, "a larger monitor.budget measures more often", {"records": layers.count, "seconds_apart": every})
