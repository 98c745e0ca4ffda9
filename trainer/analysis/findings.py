"""What is worth saying about a run without being asked. Rules of thumb, each with its figure; nothing is guessed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradtop.trainer.analysis.crowding import advice
from gradtop.trainer.analysis.formatting import percent, si, significant
from gradtop.trainer.analysis.pace import pace_of
from gradtop.trainer.analysis.text import skipped_text
from gradtop.trainer.record import EventKind, RunReader, RunState, effective
from gradtop.trainer.record.streams.registry import CLIPPED, EPOCH, EVALS, GRAD_NORM, LOSS, STEP, STEPS

Record = Mapping[str, float]

WINDOW = 500
NEWEST_EVALS = 200
EVALS_PATIENCE = 5
SKIPPED = 0.05  # of all steps
HEALTHY = (1.0, 100.0)  # gradient norms, where the configuration does not say it


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence; `tone` is success, warning or error."""

    tone: str
    text: str

    @property
    def symbol(self) -> str:
        return {"success": "✓", "warning": "▲", "error": "✕"}[self.tone]


def findings(reader: RunReader, healthy: tuple[float, float]) -> tuple[Finding, ...]:
    """All that is wrong in the last 500 steps, the worst first, or that nothing is."""
    rows = reader.stream(STEPS).tail(WINDOW)
    found = [*lost(reader), *left_out(reader), *slow(reader), *skipping(reader), *non_finite(rows), *out_of_band(rows, healthy), *clipping(rows), *no_progress(reader)]
    if not found and rows:
        many = f"the last {WINDOW} steps" if len(rows) >= WINDOW else f"{len(rows)} steps so far" if len(rows) > 1 else "the first step"
        found = [Finding("success", f"nothing wrong in {many}")]
    order = ("error", "warning", "success")
    return tuple(sorted(found, key=lambda finding: order.index(finding.tone)))


def findings_of(reader: RunReader) -> tuple[Finding, ...]:
    """The findings of a run, for a caller that has read nothing of it but status and configuration."""
    for name in (STEPS, EVALS):
        reader.stream(name).refresh()
    return findings(reader, healthy_band(reader))


def healthy_band(reader: RunReader) -> tuple[float, float]:
    """The gradient norms that the run's configuration calls healthy."""
    table = effective(reader.config, reader.status.changes).get("monitor")
    low, high = ((table.get(name) if isinstance(table, Mapping) else None) for name in ("healthy_low", "healthy_high"))
    return (low if isinstance(low, int | float) else HEALTHY[0], high if isinstance(high, int | float) else HEALTHY[1])


def lost(reader: RunReader) -> list[Finding]:
    found = []
    if reader.status.dropped:
        found.append(Finding("warning", f"{reader.status.dropped} records were lost: the curves have gaps"))
    streams = {name: reader.stream(name).unreadable for name in (STEPS, EVALS)}
    return found + [Finding("error", f"stream {name}: {problem}") for name, problem in streams.items() if problem]


def left_out(reader: RunReader) -> list[Finding]:
    """What cannot be read of the data, as the newest process found it."""
    from gradtop.trainer.analysis.event_text import left_out_text

    newest = next((event for event in reversed(reader.rare) if event["kind"] == EventKind.LEFT_OUT), None)
    return [Finding("warning", left_out_text(newest))] if newest else []


def slow(reader: RunReader) -> list[Finding]:
    """Whether the pace of the last minute is far under the best that the run itself has kept up."""
    if reader.state is not RunState.TRAINING:
        return []
    pace = pace_of(reader)
    if not pace.slowdown:
        return []
    figures = f"{si(pace.recent)} samples/s in the last minute, {si(pace.best)} at its best"
    return [Finding("warning", f"pace fell to 1/{pace.slowdown:.0f}: {figures}; {advice(reader.run, reader.status)}")]


def skipping(reader: RunReader) -> list[Finding]:
    """Whether the gradient scaler skips more steps than it needs to find its scale now and then."""
    skipped, steps = reader.status.skipped_steps, reader.status.step - reader.status.began
    if skipped <= SKIPPED * steps or not skipped:
        return []
    return [Finding("warning", f"{skipped_text(reader.status)}: their gradients overflow in fp16; if that goes on, use bf16 or fp32")]


def non_finite(rows: Sequence[Record]) -> list[Finding]:
    bad = [row[STEP] for row in rows if not math.isfinite(row.get(LOSS, 0.0))]
    if not bad:
        return []
    where = f"step {bad[0]:.0f}" if len(bad) == 1 else f"{len(bad)} steps from {bad[0]:.0f}"
    return [Finding("error", f"the loss is not finite at {where}: lower the lr, clip, or look for bad data")]


def out_of_band(rows: Sequence[Record], healthy: tuple[float, float]) -> list[Finding]:
    norms = [row[GRAD_NORM] for row in rows if math.isfinite(row.get(GRAD_NORM, math.nan))]
    if len(norms) < 20:
        return []
    low, high = healthy
    above, below = sum(norm > high for norm in norms) / len(norms), sum(norm < low for norm in norms) / len(norms)
    if above > 0.05:
        return [Finding("warning", f"gradient norm above {high:g} in {percent(above)} of the last {len(rows)} steps")]
    if below > 0.5:
        return [Finding("warning", f"gradient norm below {low:g} in {percent(below)} of the last {len(rows)} steps")]
    return []


def clipping(rows: Sequence[Record]) -> list[Finding]:
    hits = [row[CLIPPED] for row in rows if math.isfinite(row.get(CLIPPED, math.nan))]
    if len(hits) < 50 or sum(hits) / len(hits) < 0.5:
        return []
    return [Finding("warning", f"clipped in {percent(sum(hits) / len(hits))} of the last {len(rows)} steps: clip rules the step size, not lr")]


def no_progress(reader: RunReader) -> list[Finding]:
    """Validation loss: since when it is no longer the best, and whether it rises while the training loss falls."""
    newest = reader.stream(EVALS).tail(NEWEST_EVALS)
    evals = [row for row in newest if math.isfinite(row.get(LOSS, math.nan))]
    if len(evals) <= EVALS_PATIENCE:
        return []
    row = min(evals, key=lambda row: row[LOSS])
    best, since = row[LOSS], len(evals) - 1 - evals.index(row)
    epoch = f"epoch {row[EPOCH]:.0f}" if math.isfinite(row.get(EPOCH, math.nan)) else f"step {row[STEP]:.0f}"
    text = f"val loss best at {epoch} ({significant(best)}), {since} evaluations ago"
    ever = reader.status.best_val_loss
    if len(newest) == NEWEST_EVALS and ever is not None and ever < best:
        best, text = ever, f"val loss best ({significant(ever)}) before the last {NEWEST_EVALS} evaluations"
    elif since < EVALS_PATIENCE:
        return []
    worse = evals[-1][LOSS] / best - 1 if best > 0 else 0.0
    return [Finding("warning", f"{text}, now {percent(worse)} above: overfitting?" if worse > 0.1 else text)]
