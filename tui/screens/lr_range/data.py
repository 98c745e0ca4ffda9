"""What the range-test mode shows: the loss over the learning rate, and what the test suggests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gradtop.trainer.jobs.lr_range import JOB
from gradtop.trainer.jobs.lr_range.result import suggestions
from gradtop.trainer.record import EMPTY_SERIES, Run, RunReader, RunState, Series
from gradtop.trainer.record.streams.registry import LOSS, LR, LR_RANGE, SMOOTHED

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext

BINS = 720
SKIPPED_END = 5  # of the last losses, which would leave no room for the others on a linear axis


@dataclass(frozen=True, slots=True)
class RangePart:
    """The curves lie over learning rates. `found` are learning rates by method; `span` is the range of the horizontal axis, `limits` that of the vertical one.

    `source` is the run whose configuration was tested, None where that was a file or the run is gone.
    """

    loss: Series = EMPTY_SERIES
    smoothed: Series = EMPTY_SERIES
    span: tuple[float, float] = (1e-7, 10.0)
    limits: tuple[float, float] | None = None
    found: dict[str, float] = field(default_factory=dict)
    diverged_at: float | None = None
    source: Run | None = None
    ended: bool = False

    def limits_between(self, low: float, high: float) -> tuple[float, float] | None:
        """The range of the vertical axis for some of the learning rates, below the divergence at the end."""
        seen = [y for curve in (self.loss, self.smoothed) for x, y in zip(curve.x, curve.mean, strict=True) if low <= x <= high and math.isfinite(y)]
        lowest, highest = min(seen, default=math.inf), min(max(seen, default=-math.inf), self.limits[1] if self.limits else math.inf)
        return (lowest, highest) if lowest < highest else None


def read_range(source: ReadContext, _view: object) -> RangePart:
    return range_part(source.run) if source.run is not None else RangePart()


def range_part(reader: RunReader) -> RangePart:
    """Read the curve of a test, and its result."""
    stream, status = reader.stream(LR_RANGE), reader.status
    stream.refresh()
    lr, loss, smoothed = stream.series_of([LR, LOSS, SMOOTHED], bins=BINS)
    # A bin of several steps stands at their mean learning rate.
    parent = Run(reader.run.path.parent / reader.meta.parent) if reader.meta.parent else None
    diverged = status.result.get("diverged_at")
    return RangePart(
        loss=loss._replace(x=lr.mean, x_last=lr.mean),
        smoothed=smoothed._replace(x=lr.mean, x_last=lr.mean),
        span=span_of(reader),
        limits=limits_of(smoothed.mean, loss.mean),
        found=suggestions(status),
        diverged_at=float(diverged) if isinstance(diverged, int | float) else None,
        source=parent if parent is not None and parent.config.is_file() else None,
        ended=reader.state.has_ended or reader.state is RunState.UNKNOWN,
    )


def span_of(reader: RunReader) -> tuple[float, float]:
    """The learning rates from the first to the last step, as run.toml has them."""
    table = reader.config.get(JOB.name)
    wanted = [table.get(name) if isinstance(table, dict) else None for name in ("start", "end")]
    low, high = (float(each) if isinstance(each, int | float) and 0 < each < math.inf else 0.0 for each in wanted)
    return (low, high) if 0 < low < high else RangePart().span


def limits_of(smoothed: Sequence[float], losses: Sequence[float] = ()) -> tuple[float, float] | None:
    """From the lowest of all values to the highest smoothed one, without the rise at the end."""
    finite = [loss for loss in smoothed if math.isfinite(loss)]
    kept = finite[:-SKIPPED_END] if len(finite) > 2 * SKIPPED_END else finite
    lowest = min((*finite, *(loss for loss in losses if math.isfinite(loss))), default=math.inf)
    return (lowest, max(kept)) if kept and lowest < max(kept) else None
