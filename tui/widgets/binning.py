"""Histograms on other bins than those that they were counted in. No widget here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol


class Binned(Protocol):
    """Counts in equal parts from `low` to `high`."""

    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def bins(self) -> Sequence[float]: ...


def rebinned(histogram: Binned, low: float, high: float, bins: int) -> list[float]:
    """The counts in other bins, each shared out as if its values lay evenly; a range of no width goes whole into its bin."""
    found = [0.0] * bins
    if not histogram.bins or bins < 1 or not 0 < high - low < math.inf:
        return found
    scale = bins / (high - low)
    width = (histogram.high - histogram.low) / len(histogram.bins)
    for number, count in enumerate(histogram.bins):
        if not count:
            continue
        start = (histogram.low + number * width - low) * scale
        end = start + width * scale
        first = max(0, min(bins - 1, math.floor(start)))
        last = max(0, min(bins - 1, math.ceil(end) - 1))
        if last <= first or not end > start:
            found[first] += count
            continue
        for each in range(first, last + 1):
            part = min(end, each + 1) - max(start, each)
            found[each] += count * max(0.0, part) / (end - start)
    return found
