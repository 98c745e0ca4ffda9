"""What the range-test mode shows: the loss over the learning rate, or whatever grows, and what the test suggests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gradtop.trainer.jobs.lr_range import JOB
from gradtop.trainer.jobs.lr_range.ranged import RANGED, Ranged
from gradtop.trainer.jobs.lr_range.result import none_text, spread, suggestions
from gradtop.trainer.record import EMPTY_SERIES, Run, RunReader, RunState, Series, StreamReader
from gradtop.trainer.record.streams.registry import LOSS, LR, LR_RANGE, RANGED_VALUE, SMOOTHED

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext

BINS = 720
MOST_SEEDS = 32
SKIPPED_END = 5  # of the last losses, which would leave no room for the others on a linear axis


@dataclass(frozen=True, slots=True)
class RangePart:
    """The curves lie over the places of the values of `ranged`. `found` are values by method, `spread` the lowest and highest of the
    seeds; `span` is the range of the horizontal axis, `limits` that of the vertical one.

    Of several seeds `loss` is empty, `smoothed` their mean, and `of_seeds` are the smoothed losses of each. `source` is the run whose
    configuration was tested, None where that was a file or the run is gone. `nothing` says why an ended test suggests nothing. `tuned` is the key that a suggestion goes to, and what
    follows it there.
    """

    ranged: Ranged = RANGED[LR]
    loss: Series = EMPTY_SERIES
    smoothed: Series = EMPTY_SERIES
    of_seeds: tuple[Series, ...] = ()
    span: tuple[float, float] = (1e-7, 10.0)
    limits: tuple[float, float] | None = None
    found: dict[str, float] = field(default_factory=dict)
    spread: dict[str, tuple[float, float]] = field(default_factory=dict)
    diverged_at: float | None = None
    source: Run | None = None
    ended: bool = False
    nothing: str = ""
    tuned: tuple[str, tuple[float, ...]] = ("optimizer.lr", ())

    def limits_between(self, low: float, high: float) -> tuple[float, float] | None:
        """The range of the vertical axis for some of the places, below the divergence at the end."""
        seen = [y for curve in (self.loss, self.smoothed, *self.of_seeds) for x, y in zip(curve.x, curve.mean, strict=True) if low <= x <= high and math.isfinite(y)]
        lowest, highest = min(seen, default=math.inf), min(max(seen, default=-math.inf), self.limits[1] if self.limits else math.inf)
        return (lowest, highest) if lowest < highest else None


def read_range(source: ReadContext, _view: object) -> RangePart:
    return range_part(source.run) if source.run is not None else RangePart()


def range_part(reader: RunReader) -> RangePart:
    """Read the curve of a test, and its result."""
    stream, status = reader.stream(LR_RANGE), reader.status
    stream.refresh()
    settings = range_settings(reader)
    ranged, steps, seeds = settings.ranged, settings.steps, settings.seeds
    curves = [seed_curves(stream, ranged, settings.bins, first=place * steps + 1, last=(place + 1) * steps) for place in range(seeds)]
    curves = [curve for curve in curves if curve[1].x] or [(EMPTY_SERIES, EMPTY_SERIES)]
    several = len(curves) > 1
    loss, smoothed = (EMPTY_SERIES, mean_curve([curve[1] for curve in curves])) if several else curves[0]
    parent = Run(reader.run.path.parent / reader.meta.parent) if reader.meta.parent else None
    diverged = status.result.get("diverged_at")
    return RangePart(
        ranged=ranged,
        loss=loss,
        smoothed=smoothed,
        of_seeds=tuple(curve[1] for curve in curves) if several else (),
        span=settings.span,
        limits=limits_of(smoothed.mean, loss.mean),
        found=suggestions(status),
        spread=spread(status.result),
        diverged_at=diverged if ranged.takes(diverged) else None,
        source=parent if parent is not None and parent.config.is_file() else None,
        ended=reader.state.has_ended or reader.state is RunState.UNKNOWN,
        tuned=tuned(reader, ranged),
        nothing=none_text(status.result),
    )


def tuned(reader: RunReader, ranged: Ranged) -> tuple[str, tuple[float, ...]]:
    """The key of what was ranged over, and what follows it in a list: of Adam's momentum, β₁, it is β₂."""
    section = reader.config.get("optimizer")
    betas = section.get("betas") if isinstance(section, dict) else None
    if ranged.key != "momentum" or not isinstance(section, dict) or ranged.key in section or not isinstance(betas, list):
        return f"optimizer.{ranged.key}", ()
    return "optimizer.betas", tuple(beta for beta in betas[1:2] if isinstance(beta, float))


def seed_curves(stream: StreamReader, ranged: Ranged, bins: int, *, first: int, last: int) -> tuple[Series, Series]:
    """Loss and smoothed loss of one seed, over the places of its values. A bin of several steps stands at that of their mean value."""
    # Older tests have the learning rate alone.
    lr, value, loss, smoothed = stream.series_of([LR, RANGED_VALUE, LOSS, SMOOTHED], bins=bins, first=first, last=last)
    values = value.mean if len(value.x) else lr.mean
    x = [ranged.place(each) if ranged.takes(each) else math.nan for each in values]
    return loss._replace(x=x, x_last=x), smoothed._replace(x=x, x_last=x)


def mean_curve(curves: Sequence[Series]) -> Series:
    """The mean of the seeds as far as all of them go; they have the same values."""
    length = min(len(curve.x) for curve in curves)
    means = [sum(values) / len(curves) for values in zip(*(curve.mean[:length] for curve in curves), strict=True)]
    x = list(curves[0].x[:length])
    ones = [1] * length
    return Series(x=x, x_last=x, low=means, high=means, mean=means, finite=ones, nonfinite=[0] * length, first=x[0] if x else 0.0, last=x[-1] if x else 0.0)


@dataclass(frozen=True, slots=True)
class RangeSettings:
    """What run.toml says of a test; `span` are places."""

    ranged: Ranged
    span: tuple[float, float]
    steps: int
    seeds: int

    @property
    def bins(self) -> int:
        return BINS // (2 if self.seeds > 1 else 1)


def range_settings(reader: RunReader) -> RangeSettings:
    """Whatever is wrong in it is as where nothing is said."""
    section = reader.config.get(JOB.name)
    table: Mapping[str, object] = section if isinstance(section, dict) else {}
    ranged = RANGED.get(str(table.get("over")), RANGED[LR])
    start, end, steps, seeds = (table.get(name) for name in ("start", "end", "steps", "seeds"))
    low = ranged.place(start if ranged.takes(start) and start else ranged.start)
    high = ranged.place(end if ranged.takes(end) and end else ranged.end)
    if not 0 < low < high < math.inf:
        low, high = ranged.place(ranged.start), ranged.place(ranged.end)
    return RangeSettings(
        ranged,
        (low, high),
        steps if isinstance(steps, int) and steps > 0 else 100,
        min(seeds, MOST_SEEDS) if isinstance(seeds, int) and seeds > 0 else 1,
    )


def limits_of(smoothed: Sequence[float], losses: Sequence[float] = ()) -> tuple[float, float] | None:
    """From the lowest of all values to the highest smoothed one, without the rise at the end."""
    finite = [loss for loss in smoothed if math.isfinite(loss)]
    kept = finite[:-SKIPPED_END] if len(finite) > 2 * SKIPPED_END else finite
    lowest = min((*finite, *(loss for loss in losses if math.isfinite(loss))), default=math.inf)
    return (lowest, max(kept)) if kept and lowest < max(kept) else None
