"""How a run ended."""

from __future__ import annotations

from collections.abc import Iterator

from gradtop.trainer.analysis.death import how_it_died
from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import History
from gradtop.trainer.analysis.formatting import number
from gradtop.trainer.record import RunState, clean

LONGEST = 200  # characters of an error


@rule("failed")
def failed(run: History) -> Iterator[Finding]:
    """The run ended with an error."""
    if run.state is RunState.FAILED:
        why = clean(run.status.error, LONGEST) or "no reason was recorded"
        step = run.status.step
        yield Finding(
            Severity.ERROR, "failed", f"failed at step {number(step)}: {why}", "gradtop log shows the traceback", {"step": step, "error": why}, step
        )


@rule("died")
def died(run: History) -> Iterator[Finding]:
    """The worker is gone without having said that it ends: a signal, no memory, a restart of its host."""
    if run.state is RunState.DIED:
        how = how_it_died(run.reader.run, run.state, run.status) or "the worker is gone"
        step = run.status.step
        yield Finding(
            Severity.ERROR, "died", f"died at step {number(step)}: {how}", "resume it from its last checkpoint", {"step": step, "how": how}, step
        )
