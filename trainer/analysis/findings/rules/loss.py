"""The training loss and the validation loss."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import NEWEST_EVALS, History
from gradtop.trainer.analysis.formatting import percent, significant
from gradtop.trainer.record.streams.registry import EPOCH, LOSS, STEP

EVALS_PATIENCE = 5


@rule("loss-not-finite")
def not_finite(run: History) -> Iterator[Finding]:
    """A training loss is NaN or infinite."""
    bad = [row[STEP] for row in run.newest_steps if not math.isfinite(row.get(LOSS, 0.0))]
    if bad:
        where = f"step {bad[0]:.0f}" if len(bad) == 1 else f"{len(bad)} steps from {bad[0]:.0f}"
        yield Finding(
            Severity.ERROR, "loss not finite", f"the loss is not finite at {where}", "lower the lr, clip, or look for bad data", {"steps": len(bad)}, int(bad[0])
        )


@rule("val-loss-not-finite")
def val_not_finite(run: History) -> Iterator[Finding]:
    """A validation loss is NaN or infinite."""
    bad = [row for row in run.newest_evals if not math.isfinite(row.get(LOSS, 0.0))]
    if bad:
        epoch = bad[0].get(EPOCH, math.nan)
        where = f"epoch {epoch:.0f}" if math.isfinite(epoch) else f"step {bad[0][STEP]:.0f}"
        yield Finding(
            Severity.ERROR,
            "val loss not finite",
            f"the validation loss is not finite at {where}",
            "look for bad samples in the validation set and for weights that are not finite",
            {"evaluations": len(bad)},
            int(bad[0][STEP]),
        )


@rule("overfitting")
def no_progress(run: History) -> Iterator[Finding]:
    """Validation loss: since when it is no longer the best, and whether it rises."""
    newest = run.newest_evals
    evals = [row for row in newest if math.isfinite(row.get(LOSS, math.nan))]
    if len(evals) <= EVALS_PATIENCE:
        return
    row = min(evals, key=lambda row: row[LOSS])
    best, since = row[LOSS], len(evals) - 1 - evals.index(row)
    epoch = f"epoch {row[EPOCH]:.0f}" if math.isfinite(row.get(EPOCH, math.nan)) else f"step {row[STEP]:.0f}"
    text = f"val loss best at {epoch} ({significant(best)}), {since} evaluations ago"
    ever = run.status.best_val_loss
    if len(newest) == NEWEST_EVALS and ever is not None and ever < best:
        best, text = ever, f"val loss best ({significant(ever)}) before the last {NEWEST_EVALS} evaluations"
    elif since < EVALS_PATIENCE:
        return
    worse = evals[-1][LOSS] / best - 1 if best > 0 else 0.0
    sentence = f"{text}, now {percent(worse)} above: overfitting?" if worse > 0.1 else text
    yield Finding(Severity.WARNING, f"val loss best at {epoch}", sentence, "", {"best": best, "evaluations": since}, int(row[STEP]))
