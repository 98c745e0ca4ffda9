"""Gradients: their norms and their clipping."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import History
from gradtop.trainer.analysis.formatting import percent
from gradtop.trainer.record.streams.registry import CLIPPED


@rule("clipping")
def clipping(run: History) -> Iterator[Finding]:
    """Gradients are clipped in most steps."""
    hits = [row[CLIPPED] for row in run.newest_steps if math.isfinite(row.get(CLIPPED, math.nan))]
    if len(hits) < 50 or sum(hits) / len(hits) < 0.5:
        return
    share = sum(hits) / len(hits)
    yield Finding(
        Severity.WARNING, "clipping", f"clipped in {percent(share)} of the last {len(run.newest_steps)} steps: clip rules the step size, not lr", "", {"share": share}
    )
