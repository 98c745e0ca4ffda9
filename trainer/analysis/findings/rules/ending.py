"""How a run ended, or whether it still answers."""

from __future__ import annotations

from collections.abc import Iterator

from gradtop.trainer.analysis.death import how_it_died
from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import RunHistory
from gradtop.trainer.analysis.formatting import number
from gradtop.trainer.analysis.newest import newest_status
from gradtop.trainer.analysis.text import stopped_early_text
from gradtop.trainer.record import RunState, clean

LONGEST = 300  # characters of an error


@rule(RunState.FAILED.value)
def failed(run: RunHistory) -> Iterator[Finding]:
    """The run ended with an error.

    Threshold: its state is failed.
    Source: status.json.
    """
    if run.state is RunState.FAILED:
        why = clean(run.status.error, LONGEST) or "no reason was recorded"
        step = run.status.step
        advice = "the log of the worker has the traceback"
        yield Finding(Severity.ERROR, f"failed at step {number(step)}", f"failed: {why}", advice, {"step": step}, step)


@rule(RunState.DIED.value)
def died(run: RunHistory) -> Iterator[Finding]:
    """The worker ended without recording why: a signal, out of memory, a restart of its host.

    Threshold: the process does not exist, or on another host its heartbeat is a minute old.
    Source: status.json, death.json.
    """
    if run.state is RunState.DIED:
        how = how_it_died(run.reader.run, run.state, run.status) or "its process is gone"
        step = newest_status(run.reader).step
        advice = "resume it: it continues from its last checkpoint"
        yield Finding(Severity.ERROR, f"died at step {number(step)}", f"died at step {number(step)}: {how}", advice, {"step": step}, step)


@rule(RunState.SILENT.value)
def silent(run: RunHistory) -> Iterator[Finding]:
    """The worker process exists, but its heartbeat has stopped.

    Threshold: no heartbeat for 15 seconds.
    Source: status.json.
    """
    if run.state is RunState.SILENT:
        step = run.status.step
        advice = "a very long step, a stalled disk or a stopped process (ctrl+z) may be why"
        yield Finding(Severity.WARNING, "no heartbeat", f"no heartbeat since step {number(step)}", advice, {"step": step}, step)


@rule("stopped-early")
def stopped_early(run: RunHistory) -> Iterator[Finding]:
    """Early stopping ended the run before its last step.

    Threshold: `training.early_stopping` evaluations without a better value of `training.monitor`.
    Source: status.json.
    """
    if said := stopped_early_text(run.status):
        evidence = {"epoch": run.status.epoch, "evaluations": run.status.stopped_early, "best_epoch": run.status.best_epoch}
        yield Finding(Severity.NOTE, "stopped early", said, f"the checkpoint of epoch {run.status.best_epoch} is the best one, by its {run.status.monitored.title}", evidence, run.status.step)
