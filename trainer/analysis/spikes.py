"""When a jump of the training loss is a spike: the one definition, for the findings over a whole run and for the black box while it trains."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median

BEFORE = 24  # bins that say how much the loss varies
SHORT = 8  # of them those that say where it is
# A mild spike lasts, and rises by a tenth of what the loss was in the beginning; a sharp one, by all of it, may be a single step.
MILD, SHARP = 0.1, 1.0
MILD_NOISE, SHARP_NOISE = 4.0, 6.0  # of what is usual in the run itself
STEPS_OF_MILD = 3


def is_sharp(rise: float, usual: float, scale: float) -> bool:
    """Whether one loss that stands so far above where it was is a spike. `scale` is a loss that means that nothing is learnt."""
    return rise > max(SHARP_NOISE * usual, SHARP * scale)


def is_mild(rise: float, usual: float, scale: float) -> bool:
    """The same of several steps."""
    return rise > max(MILD_NOISE * usual, MILD * scale)


def is_lasting(steps: Sequence[float], level: float, usual: float, scale: float) -> bool:
    """Whether some of these losses that follow one another are a mild spike above a level: all of them in its upper half."""
    windows = (steps[place : place + STEPS_OF_MILD] for place in range(len(steps) - STEPS_OF_MILD + 1))
    return any(is_mild(rise := fmean(each) - level, usual, scale) and min(each) > level + rise / 2 for each in windows)


def initial_loss(first: Sequence[float]) -> float:
    """Before anything was learnt, of at least one of the first losses of a run: the first, or the median of three where that is lower."""
    return min(first[0], median(first[:3]))


def spike_in(new: Sequence[float], before: Sequence[float], scale: float) -> tuple[float, float] | None:
    """The loss before and the highest one, where some new losses of single steps are a spike against those before; all of them finite.

    The steps before are taken together in bins, as a curve over a run has them.
    """
    width = len(before) // (BEFORE + SHORT)
    peak = max(new, default=0.0)
    # Most looks end here, after a glance at the end.
    if width < 2 or not scale > 0 or peak - min(before[-SHORT * width :]) <= MILD * scale:
        return None
    bins = [before[place : place + width] for place in range(len(before) % width, len(before), width)]
    means = [fmean(each) for each in bins]
    rises = [max(max(bins[place]) - median(means[place - SHORT : place]), 0.0) for place in range(SHORT, len(bins))]
    level, usual = median(means[-SHORT:]), quantile(rises[-BEFORE:])
    if is_sharp(peak - level, usual, scale):
        return level, peak
    steps = [*before[1 - STEPS_OF_MILD :], *new]
    return (level, peak) if is_lasting(steps, level, usual, scale) else None


def quantile(values: Sequence[float], share: float = 0.8) -> float:
    """0 of none."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0
