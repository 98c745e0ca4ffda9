"""What a pruning run has measured, as the rows of a table, and what is to be known of its latencies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from gradtop.trainer.analysis.formatting import number, percent, size
from gradtop.trainer.analysis.text import NO_LATENCY, metric_figure
from gradtop.trainer.jobs.prune.trial import PruneTrial, choice_text, sparsity, whole_of
from gradtop.trainer.metrics import metric_of
from gradtop.trainer.record.streams.registry import (
    BASE_BATCH_LATENCY,
    BASE_LATENCY,
    BATCH_LATENCY,
    COMPRESSED_BYTES,
    FILE_BYTES,
    LATENCY,
    SCORE,
)

DISTURBED = 1.25  # a speedup of the unpruned model over itself, beyond which no speedup is to be trusted


def speedup(base: float, own: float) -> str:
    """1.27 ×, – where it is not known."""
    return f"{base / own:.2f} ×" if base > 0 and own > 0 else "–"


def measured_lines(trials: Sequence[PruneTrial], whole: PruneTrial, metric: str, batch: int) -> Iterator[str]:
    """A table: what each measurement has found, or why there is none."""
    rows = [["", metric_of(metric).title, "zero or gone", "file", "compressed", "speedup for 1", f"for {number(batch)}"]]
    rows += [
        [
            choice_text(each.method, each.amount),
            metric_figure(metric, each.of(SCORE)),
            percent(sparsity(each, whole), 1),
            size(each.of(FILE_BYTES)),
            size(each.of(COMPRESSED_BYTES)),
            speedup(each.of(BASE_LATENCY), each.of(LATENCY)),
            speedup(each.of(BASE_BATCH_LATENCY), each.of(BATCH_LATENCY)),
        ]
        if not each.error
        else [choice_text(each.method, each.amount), each.error]
        for each in trials
        if each.method
    ]
    widths = [max(len(row[place]) for row in rows if len(row) > 2) for place in range(len(rows[0]))]
    widths[0] = max(len(row[0]) for row in rows)
    for first, *others in rows:
        yield f"{first:<{widths[0]}}  {'  '.join(f'{text:>{width}}' for text, width in zip(others, widths[1:], strict=True)) if len(others) > 1 else others[0]}"


def latency_notes(trials: Sequence[PruneTrial], batch: int) -> Iterator[str]:
    """What is to be known of the speedups: where there is none, and how far the unpruned model in turns with itself is from 1."""
    pairs = {"one sample": (BASE_LATENCY, LATENCY), f"{number(batch)} samples": (BASE_BATCH_LATENCY, BATCH_LATENCY)}
    if any(not (each.of(base) > 0 and each.of(own) > 0) for each in trials if not each.error for base, own in pairs.values()):
        yield NO_LATENCY
    whole = whole_of(trials)
    for words, (base, own) in pairs.items() if whole is not None else ():
        if whole is not None and whole.of(base) > 0 and whole.of(own) > 0 and abs(math.log(whole.of(base) / whole.of(own))) > math.log(DISTURBED):
            yield f"the speedups for {words} are unreliable, because the machine was busy: measured in turns with itself, the unpruned model was {speedup(whole.of(base), whole.of(own))} as fast"
