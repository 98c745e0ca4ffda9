"""How fast a run trains, and what it waits for."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gradtop.trainer.analysis import crowding
from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import RunHistory
from gradtop.trainer.analysis.formatting import percent, si
from gradtop.trainer.analysis.pace import pace_of
from gradtop.trainer.analysis.spikes import quantile
from gradtop.trainer.analysis.text import unit_of_pace
from gradtop.trainer.record import RunState
from gradtop.trainer.record.streams.registry import LOADING

HALF, MEASURED, SECONDS = 0.5, 20, 20.0
BUSY, MINUTE = 70.0, 60.0


@rule("pace-fell")
def pace_fell(run: RunHistory) -> Iterator[Finding]:
    """The run trains far slower than before.

    Threshold: the pace of the last minute is half of the best that the run itself has kept up for 5 seconds, or less.
    Source: gradtop; relative to the run's own history.
    """
    if run.state is not RunState.TRAINING:
        return
    pace = pace_of(run.reader)
    if pace.slowdown:
        each, unit = unit_of_pace(run.status)
        recent, best = each * pace.recent, each * pace.best
        figures = f"{si(recent)} {unit} in the last minute, {si(best)} at its best"
        title = f"pace fell to 1/{pace.slowdown:.0f}"
        yield Finding(Severity.WARNING, title, f"{title}: {figures}", crowding.advice(run.reader.run, run.status), {"recent": recent, "best": best})


@rule("loading")
def loading(run: RunHistory) -> Iterator[Finding]:
    """Training waits for the data most of the time.

    Threshold: over half of the time of the last quarter of the steps, at least 20 measurements of a run of 20 seconds.
    Source: DLCheck (50 %).
    """
    curve = run.curves[LOADING]
    begin = run.status.began + 0.75 * run.taken
    late = [(mean, count) for x, mean, count in zip(curve.x_last, curve.mean, curve.finite, strict=True) if x >= begin and count]
    count = sum(count for _, count in late)
    if not count or sum(curve.finite) < MEASURED or run.status.seconds < SECONDS:
        return
    share = sum(mean * count for mean, count in late) / count
    if share > HALF:
        workers = run.setting("data.workers")
        advice = f"more data.workers (now {workers}), smaller files, or a faster disk" if isinstance(workers, int) else "load in other processes, or keep the data in memory"
        yield Finding(Severity.WARNING, f"loading takes {percent(share)}", f"loading the data takes {percent(share)} of the time of a step", advice, {"share": share})


@rule("gpu-idle")
def gpu_idle(run: RunHistory) -> Iterator[Finding]:
    """The GPU is underused.

    Threshold: its use stays below 70 % in 95 % of the time of a run that has trained for a minute.
    Source: SageMaker Debugger (LowGPUUtilization, p95 < 70 %).
    """
    use = run.gpu_use
    if run.status.seconds < MINUTE or not run.status.device.startswith("cuda") or sum(use.finite) < MINUTE / 2:
        return
    usual, mean = quantile(use.mean, 0.95), sum(use.mean) / len(use.mean)
    if usual < BUSY and math.isfinite(mean):
        advice = "a larger batch, more data.workers, bf16 or torch.compile give it more to do"
        sentence = f"the GPU is used {mean:.0f} % of the time, and hardly ever over {usual:.0f} %"
        yield Finding(Severity.WARNING, f"GPU {mean:.0f} % used", sentence, advice, {"mean": mean, "p95": usual})
