"""What a mode says of its run before anything else, and why it has nothing to show."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gradtop.trainer.job import DEFAULT_JOB, find_job
from gradtop.trainer.record import RunState
from gradtop.trainer.record.streams.registry import written_by
from gradtop.tui import keys
from gradtop.tui.reading.snapshot import Facts


def no_run_text() -> str:
    return f"No run is selected. {keys.name('mode.runs')} lists the runs, {keys.name('mode.tune')} starts one."


def foreign_text(facts: Facts, streams: Collection[str]) -> str:
    """Why there is nothing to show of a run whose job writes none of these streams; "" where there is something."""
    if facts.run is None or not streams or facts.meta.job == DEFAULT_JOB:
        return ""
    job = find_job(facts.meta.job)
    return "" if set(streams) & set(written_by(job.name)) else f"{facts.name} is {job.title}, of which nothing is recorded for this screen. {keys.name('mode.overview')} shows it."


def notice_lines(facts: Facts) -> Sequence[str]:
    """That a run is gone, failed, died or is silent, and what can be done; else its warning."""
    if facts.gone:
        return [f"The directory of {facts.name} was deleted or moved. The data read so far is still shown. {keys.name('mode.runs')} lists the runs."]
    if facts.status.not_resumed and facts.state.has_ended:
        # Neither why its worker ended nor the log's last lines: these are of the attempt, as the sentence is.
        return [f"The run {facts.status.error}", f"{keys.name('log')} shows the worker's log."]
    if facts.state is RunState.FAILED:
        return [facts.status.error or "The run failed.", f"{keys.name('log')} shows the worker's log."]
    if facts.state is RunState.DIED:
        words = facts.last_words[-3:]
        how = facts.death or "it was killed, ran out of memory, or the machine went down"
        lines = [f"The worker died: {how}{'' if how.endswith('?') else '.'}{' Its last lines:' if words else ''}", *words]
        if facts.resumes_from:
            lines.append(f"{keys.name('run.resume')} resumes it from {facts.resumes_from}.")
        return lines
    if facts.state is RunState.SILENT:
        return ["The worker does not respond: a very long step, a stopped process, or a hung device."]
    return [facts.status.warning] if facts.status.warning else []
