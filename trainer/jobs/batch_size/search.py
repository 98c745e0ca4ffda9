"""Which batch sizes are tried, and what the measured ones say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FAST_ENOUGH = 0.9  # of the highest throughput


@dataclass(frozen=True, slots=True)
class MeasuredSize:
    """What a batch size has taken: bytes, NaN where it did not fit, and samples per second."""

    batch_size: int
    memory: float
    samples_per_s: float

    @property
    def fits(self) -> bool:
        return not math.isnan(self.memory)


def next_size(tried: Mapping[int, bool], *, smallest: int, largest: int, resolution: float) -> int | None:
    """The batch size to try next, by which of the sizes so far fit; None where the largest one is known.

    Doubled while they fit, halved while none fits, then bisected until the interval is at most a `resolution` of its lower end.
    """
    fitting = [size for size, fits in tried.items() if fits]
    failing = [size for size, fits in tried.items() if not fits]
    if not tried:
        return min(smallest, largest)
    if not failing:
        top = max(fitting)
        return None if top >= largest else min(2 * top, largest)
    if not fitting:
        bottom = min(failing)
        return None if bottom == 1 else bottom // 2
    low, high = max(fitting), min(failing)
    return None if high - low <= max(resolution * low, 1) else (low + high) // 2


def fast_enough(sizes: Sequence[MeasuredSize]) -> int | None:
    """The smallest batch size that reaches FAST_ENOUGH of the highest samples per second."""
    speeds = [each for each in sizes if each.fits and each.samples_per_s > 0]
    if not speeds:
        return None
    best = max(each.samples_per_s for each in speeds)
    return min(each.batch_size for each in speeds if each.samples_per_s >= FAST_ENOUGH * best)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Memory as a straight line over the batch size: `fixed` + `per_sample` × size, in bytes."""

    fixed: float
    per_sample: float

    def largest(self, free: float) -> int:
        """The batch size whose memory is `free` bytes; 0 where the fixed part alone exceeds them."""
        return max(int((free - self.fixed) / self.per_sample), 0)


def estimate(sizes: Sequence[MeasuredSize]) -> Estimate | None:
    """From two small sizes that fit: the smallest, and the first that takes twice its memory, as before that an allocator hides what a sample takes.

    Where none takes that much, the largest stands in; None where memory does not grow at all.
    """
    by_size = sorted((each for each in sizes if each.fits), key=lambda each: each.batch_size)
    if len(by_size) < 2:
        return None
    smaller = by_size[0]
    larger = next((each for each in by_size if each.memory >= 2 * smaller.memory), by_size[-1])
    slope = (larger.memory - smaller.memory) / (larger.batch_size - smaller.batch_size)
    return Estimate(smaller.memory - slope * smaller.batch_size, slope) if slope > 0 else None


def noise_scale(batch_size: int, batches: int, mean_square: float, square_of_mean: float) -> float | None:
    """The simple noise scale tr(Σ)/|G|² in samples (McCandlish et al., "An Empirical Model of Large-Batch Training", 2018, appendix A.1).

    `mean_square` is the mean of |g|² over the gradients of `batches` batches, `square_of_mean` |g|² of their mean. None where the
    estimate of |G|² is not positive: the gradient is lost in the noise of this many samples.
    """
    small, big = batch_size, batch_size * batches
    gradient = (big * square_of_mean - small * mean_square) / (big - small)
    noise = (mean_square - square_of_mean) / (1 / small - 1 / big)
    return noise / gradient if gradient > 0 and math.isfinite(noise / gradient) else None
