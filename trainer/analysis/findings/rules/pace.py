"""How fast a run trains."""

from __future__ import annotations

from collections.abc import Iterator

from gradtop.trainer.analysis import crowding
from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import History
from gradtop.trainer.analysis.formatting import si
from gradtop.trainer.analysis.pace import pace_of
from gradtop.trainer.record import RunState


@rule("pace-fell")
def pace_fell(run: History) -> Iterator[Finding]:
    """The pace of the last minute is under half of the best that the run itself has kept up."""
    if run.state is not RunState.TRAINING:
        return
    pace = pace_of(run.reader)
    if pace.slowdown:
        figures = f"{si(pace.recent)} samples/s in the last minute, {si(pace.best)} at its best"
        yield Finding(
            Severity.WARNING,
            f"pace fell to 1/{pace.slowdown:.0f}",
            f"pace fell to 1/{pace.slowdown:.0f}: {figures}",
            crowding.advice(run.reader.run, run.status),
            {"recent": pace.recent, "best": pace.best},
        )
