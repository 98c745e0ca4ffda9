"""Learning rates that a range test suggests, and values of what else it raises, as fastai's `lr_find` computes them (fastai/callback/schedule.py).

The test itself is that of Smith, "Cyclical Learning Rates for Training Neural Networks" (2017), section 3.3.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

METHODS = ("valley", "steep", "minimum", "slide")
SKIPPED_SHARE = 10  # of the steps, one in so many is left out at the beginning, where the average has hardly begun
SKIPPED_END = 5  # of the last losses, which belong to the divergence
SLIDE = 15  # steps between the two ends of the interval that slides
SLIDE_THRESHOLD = 0.005
MINIMUM_DIVISOR = 10.0
BY_CHANCE = 2.0  # standard deviations

SmoothedLoss = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A place on the horizontal axis, of a learning rate the rate itself, by one of the RULES."""

    method: str
    x: float


class Smoothing:
    """Exponential moving average whose bias towards zero is corrected (Kingma & Ba, 2015, section 3)."""

    def __init__(self, decay: float) -> None:
        self._decay, self._mean, self._count = decay, 0.0, 0

    def add(self, value: float) -> float:
        """The average with this value."""
        self._count += 1
        self._mean = self._decay * self._mean + (1 - self._decay) * value
        return self._mean / (1 - self._decay**self._count)


def spaced(start: float, end: float, steps: int) -> list[float]:
    """From `start` to `end`, both included, evenly spaced on a logarithmic scale."""
    return [start * (end / start) ** (step / (steps - 1)) for step in range(steps)]


def usable(lrs: Sequence[float], losses: Sequence[float], steps: int) -> SmoothedLoss:
    """The part of a smoothed curve that is looked at: without its beginning, its end, and all from the first NaN on.

    `steps` are those that the test would have had without divergence.
    """
    first_nan = next((index for index, loss in enumerate(losses) if math.isnan(loss)), None)
    # After a NaN come only more of them: up to the last step they would fill the end that is left out.
    end = len(losses) - SKIPPED_END if first_nan is None else min(first_nan, steps - SKIPPED_END)
    part = slice(steps // SKIPPED_SHARE, max(end, 0))
    return lrs[part], losses[part]


def suggest(lrs: Sequence[float], losses: Sequence[float], steps: int, methods: Sequence[str] = METHODS) -> list[Suggestion]:
    """What each of the methods says of a smoothed curve; one that needs more points than there are says nothing.

    Beyond fastai: nothing is said of a curve that falls no further than noise would take it, and no steepest place where the loss has not
    fallen up to it: on a flat, noisy part that is one lucky batch.
    """
    lrs, losses = usable(lrs, losses, steps)
    if losses and not falls(losses[: losses.index(min(losses)) + 1]):
        return []
    if "limit" in methods and limit(lrs, losses) is None:
        return []
    found = {method: lr for method in methods if (lr := RULES[method](lrs, losses)) is not None}
    if "steep" in found:
        place = lrs.index(found["steep"])
        if not falls(losses[max(0, place - SLIDE) : place + 2]):  # after it the loss may diverge at once
            del found["steep"]
    return [Suggestion(method, x) for method, x in found.items()]


def falls_at_end(lrs: Sequence[float], losses: Sequence[float], steps: int) -> bool:
    """Whether a smoothed curve falls by more than chance, and is lowest at its end, so that it may fall further."""
    _, losses = usable(lrs, losses, steps)
    return falls(losses) and min(losses) == losses[-1]


def falls(losses: Sequence[float]) -> bool:
    """Whether losses fall by more than they would by chance: a random walk of the same steps goes so far in one of twenty cases."""
    changes = [after - before for before, after in pairwise(losses)]
    return len(changes) > 0 and losses[0] - losses[-1] > BY_CHANCE * math.sqrt(sum(change * change for change in changes))


def valley(lrs: Sequence[float], losses: Sequence[float]) -> float | None:
    """In the middle (a third, and half of one) of the longest strictly falling subsequence of the losses; of several, the one that ends first.

    Its length is that of the subsequence, its end the last point of it, whatever lies between.
    """
    if not losses:
        return None
    # The negated smallest ends of rising subsequences of the negated losses, by length (Fredman, 1975).
    ends: list[float] = []
    longest, last = 1, 0
    for index, loss in enumerate(losses):
        length = bisect_left(ends, -loss) + 1
        ends[length - 1 : length] = [-loss]
        if length > longest:
            longest, last = length, index
    if longest == 1:
        return lrs[0]
    third = longest / 3
    return lrs[max(last - longest + int(third) + int(third / 2), 0)]


def steep(lrs: Sequence[float], losses: Sequence[float]) -> float | None:
    """Where the loss falls fastest over the logarithm of the learning rate."""
    if len(losses) < 2:
        return None
    slopes = [(losses[i + 1] - losses[i]) / (math.log(lrs[i + 1]) - math.log(lrs[i])) for i in range(len(losses) - 1)]
    return lrs[slopes.index(min(slopes))]


def minimum(lrs: Sequence[float], losses: Sequence[float]) -> float | None:
    """A tenth of the learning rate with the lowest loss."""
    return lrs[losses.index(min(losses))] / MINIMUM_DIVISOR if losses else None


def limit(lrs: Sequence[float], losses: Sequence[float]) -> float | None:
    """Where the loss is lowest; nothing where it is so at the end, as it may fall further."""
    lowest = losses.index(min(losses)) if losses else 0
    return lrs[lowest] if lowest + 1 < len(losses) else None


def slide(lrs: Sequence[float], losses: Sequence[float]) -> float | None:
    """The left end of an interval that slides down from the end until the slopes at its two ends are alike."""
    if len(losses) <= SLIDE:
        return None
    slopes = gradient(losses)
    right = len(losses) - 1
    left = right - SLIDE
    found = lrs[left]
    while left >= 0 and abs(slopes[right] - slopes[left]) > SLIDE_THRESHOLD:
        found = lrs[left]
        right -= 1
        left -= 1
    return found


def gradient(values: Sequence[float]) -> list[float]:
    """Central differences, one-sided at both ends, as `numpy.gradient`."""
    inner = [(values[i + 1] - values[i - 1]) / 2 for i in range(1, len(values) - 1)]
    return [values[1] - values[0], *inner, values[-1] - values[-2]]


RULES = {"valley": valley, "steep": steep, "minimum": minimum, "slide": slide, "limit": limit}
