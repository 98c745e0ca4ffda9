"""The training loss over a whole run: where it began, how low it was, where it is, and where it jumped."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from statistics import median

from gradtop.trainer.analysis.spikes import (
    BEFORE,
    SHORT,
    STEPS_OF_MILD,
    initial_loss,
    is_lasting,
    is_mild,
    is_sharp,
    quantile,
)
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import Series, StreamReader
from gradtop.trainer.record.streams.registry import LOSS
from gradtop.trainer.record.streams.rollup import mean

ZOOM = 64  # bins of a look into one bin
LOOKS = 3  # bins that are looked into


class Spike(NamedTuple):
    """A jump of the loss from `before` to `peak` at `step`; `until` is the step at which it was back, None where it was not."""

    step: int
    before: float
    peak: float
    until: int | None


class LossCurve:
    """`curve` in bins over the whole run; `first` and `newest` are single losses; `chance` is that of a constant prediction, or nan."""

    def __init__(self, curve: Series, first: Sequence[float], newest: Sequence[float], chance: float, stream: StreamReader) -> None:
        self.curve, self.first, self.newest, self.chance = curve, first, newest, chance
        self._stream = stream
        there = [place for place, count in enumerate(curve.finite) if count]
        self.x = [curve.x[place] for place in there]
        self.x_last = [curve.x_last[place] for place in there]
        self.means = [curve.mean[place] for place in there]
        self.highs = [curve.high[place] for place in there]
        self.counts = [curve.finite[place] for place in there]

    @property
    def records(self) -> int:
        """Finite losses."""
        return sum(self.counts)

    @cached_property
    def initial(self) -> float:
        """Before anything was learnt: the first loss, or the median of the first three where that is lower. nan where there is none."""
        return initial_loss(self.first) if self.first else math.nan

    @cached_property
    def scale(self) -> float:
        """A loss that means that nothing is learnt: the initial one, or that of a constant prediction where that is higher. nan where unknown."""
        if not self.initial > 0:
            return math.nan
        return max(self.initial, self.chance) if self.chance == self.chance else self.initial

    @cached_property
    def now(self) -> float:
        """Median of the newest losses, few in a young run; nan where there is none."""
        return median(self.newest[-min(16, max(2, self.records // 4)) :]) if self.newest else math.nan

    @property
    def highest(self) -> float:
        """nan where there is none."""
        return max(self.highs, default=math.nan)

    @cached_property
    def late(self) -> float:
        """Mean over the last quarter of the steps; nan where there is none."""
        return self.mean_from(0.75)

    def mean_from(self, begin: float, end: float = 1.0) -> float:
        """Mean from one share of the steps to another; nan where there is none."""
        if not self.x:
            return math.nan
        first, span = self.x[0], self.x_last[-1] - self.x[0]
        low, high = first + begin * span, first + end * span
        found = [(value, count) for x, value, count in zip(self.x, self.means, self.counts, strict=True) if low <= x <= high]
        return sum(value * count for value, count in found) / sum(count for _, count in found) if found else math.nan

    @cached_property
    def smooth(self) -> Sequence[float]:
        """Medians of each mean and its two neighbours on both sides."""
        return [median(self.means[max(0, place - 2) : place + 3]) for place in range(len(self.means))]

    @cached_property
    def lowest(self) -> tuple[int, float]:
        """Step and value of the lowest smoothed loss; nan where there is none."""
        if not self.smooth:
            return 0, math.nan
        place = min(range(len(self.smooth)), key=self.smooth.__getitem__)
        return int(self.x[place]), self.smooth[place]

    @cached_property
    def not_finite(self) -> tuple[int, int, int]:
        """How many losses were not finite, the step of the first, and that of the last, within the bins of the curve."""
        bad = [(first, last, count) for first, last, count in zip(self.curve.x, self.curve.x_last, self.curve.nonfinite, strict=True) if count]
        if not bad:
            return 0, 0, 0
        return sum(count for _, _, count in bad), self._first_bad(bad[0][0], bad[0][1]), int(bad[-1][1])

    def _first_bad(self, first: float, last: float) -> int:
        while last > first:
            series = self._stream.series(LOSS, bins=ZOOM, first=first, last=last)
            found = next((each for each in zip(series.x, series.x_last, series.nonfinite, strict=True) if each[2]), None)
            if found is None or (found[0], found[1]) == (first, last):
                break
            first, last = found[0], found[1]
        return int(first)

    def since(self, level: float) -> int:
        """The step from which on the loss has stayed above a level."""
        place = len(self.means)
        while place > 0 and self.means[place - 1] > level:
            place -= 1
        return int(self.x[place] if place < len(self.x) else self.x_last[-1])

    @cached_property
    def spikes(self) -> Sequence[Spike]:
        """Where the loss jumped, against what is usual in the run itself, in order."""
        if len(self.means) < 2 * SHORT or not self.scale > 0:
            return ()
        return list(self._spikes())

    def _spikes(self) -> Iterator[Spike]:
        rises: list[float] = []  # of the highest of a bin over where the loss was, as usual
        pairs: list[float] = []  # the same of the mean of two bins
        looks, quiet_from = 0, 0
        for place in range(SHORT, len(self.means)):
            level = median(self.means[place - SHORT : place])
            rise = self.highs[place] - level
            pair = mean(self.means[place : place + 2]) - level
            usual, usual_pair = quantile(rises[-BEFORE:]), quantile(pairs[-BEFORE:])
            if place < quiet_from:
                continue
            spike = None
            if len(rises) >= SHORT:
                if is_sharp(rise, usual, self.scale) or (place + 1 < len(self.means) and is_mild(pair, usual_pair, self.scale) and min(self.means[place : place + 2]) > level + pair / 2):
                    spike = self._spike(place, level, rise)
                elif looks < LOOKS and self.counts[place] > STEPS_OF_MILD and is_mild(rise, usual, self.scale) and self._lasts(place, level, usual):
                    looks += 1
                    spike = self._spike(place, level, rise)
            if spike is None:
                rises.append(max(rise, 0.0))
                pairs.append(abs(pair))
                continue
            yield spike
            if spike.until is None:
                return
            quiet_from = next((after for after in range(place + 1, len(self.x)) if self.x[after] > spike.until), len(self.x)) + 1

    def _spike(self, place: int, level: float, rise: float) -> Spike:
        peak = place
        back = level + rise / 4
        while peak + 1 < len(self.means) and self.highs[peak + 1] > self.highs[peak]:
            peak += 1
        until = next((int(self.x[after]) for after in range(peak + 1, len(self.means)) if self.means[after] <= back), None)
        first, last = self.x[place], self.x_last[place]
        if last > first:
            first = self._highest(first, last)[0]
        return Spike(int(first), level, self.highs[peak], until)

    def _lasts(self, place: int, level: float, usual: float) -> bool:
        """Whether steps that follow one another in a bin are a mild spike: looked at more closely around the highest."""
        first, last = self._highest(self.x[place], self.x_last[place], width=16 * STEPS_OF_MILD)
        rows = self._stream.series(LOSS, bins=ZOOM, first=max(self.x[0], first - 8), last=last + 8)
        return is_lasting([value for value, count in zip(rows.mean, rows.finite, strict=True) if count], level, usual, self.scale)

    def _highest(self, first: float, last: float, width: int = 0) -> tuple[float, float]:
        """The steps around the highest loss between two, as near as `width`."""
        while last - first > width:
            series = self._stream.series(LOSS, bins=ZOOM, first=first, last=last)
            found = [(high, x, x_last) for high, x, x_last in zip(series.high, series.x, series.x_last, strict=True) if high == high]
            if not found:
                break
            _, x, x_last = max(found)
            if (x, x_last) == (first, last):
                break
            first, last = x, x_last
        return first, last
