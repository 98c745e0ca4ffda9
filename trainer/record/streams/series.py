"""Columns as binned curves, updated incrementally with new records."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record.bounds import WHOLE
from gradtop.trainer.record.streams.rollup import in_place, summary, weighted
from gradtop.trainer.record.streams.segment import SPANS, Places, Segment, Values

NONE: Sequence[float] = array("d")


class Series(NamedTuple):
    """Bins in order of steps, all sequences of equal length; `first` and `last` are the steps covered.

    A bin covers exactly the records from step `x` to `x_last`: minimum `low`, maximum `high` and `mean` of their finite values (nan
    if there are none), and the counts `finite` and `nonfinite`. Bins without measurements are omitted.
    """

    x: Sequence[float] = NONE
    x_last: Sequence[float] = NONE
    low: Sequence[float] = NONE
    high: Sequence[float] = NONE
    mean: Sequence[float] = NONE
    finite: Sequence[int] = ()
    nonfinite: Sequence[int] = ()
    first: float = 0.0
    last: float = 0.0


EMPTY_SERIES = Series()


EMPTY = (0.0, 0.0, 0.0, -1.0, 0.0)  # of a bin that has no record of a column: minimum, maximum, mean, finite and non-finite count
PARTS = len(EMPTY)
BinSpan: TypeAlias = tuple[int, int, int]  # a bin, and the first and last place (not included) of the records that lie in it


class Envelope:
    """Columns in bins of `width` steps from step `origin` on. If it `grows`, steps beyond the last bin double the width.

    All bins of a column are one array: as objects of their own they would take six times the memory, of which a screen that
    is left open keeps as much as it ever needed at once.
    """

    def __init__(self, sparse: Sequence[bool], bins: int, *, origin: float, width: float, grows: bool) -> None:
        self.sparse, self.bins, self.origin, self.width, self.grows = sparse, bins, origin, width, grows
        self._clear()

    def _clear(self) -> None:
        self._firsts, self._lasts = array("d", [math.inf]) * self.bins, array("d", [-math.inf]) * self.bins  # the steps of each bin's records
        self._columns = [array("d", EMPTY) * self.bins for _ in self.sparse]

    def add_rows(self, steps: list[float], columns: Sequence[list[float] | None]) -> None:
        """Add records; `steps` must not decrease, `columns` holds one list of values per column, None for a missing one."""
        if not in_place(steps):  # not of our writing: a record without a place is left out
            keep = [place for place, step in enumerate(steps) if -WHOLE <= step <= WHOLE]
            columns = [None if values is None else [values[place] for place in keep] for values in columns]
            steps = [steps[place] for place in keep]
        spans = list(self._split(steps, steps))
        for column, values in enumerate(columns):
            if values is not None:
                self._add_spans(column, spans, values)

    def _add_spans(self, column: int, spans: Sequence[BinSpan], values: list[float]) -> None:
        """Add the values of a column to the bins that they lie in."""
        kept, sparse = self._columns[column], self.sparse[column]
        if sparse and all(map(math.isnan, values)):
            return  # of none of them it was measured
        parts = [values[start:stop] for _number, start, stop in spans]
        for (number, _start, _stop), part, low, high, summed in zip(spans, parts, map(min, parts), map(max, parts), map(sum, parts), strict=True):
            place = PARTS * number
            if summed - summed == 0.0 and kept[place + 3] <= 0:  # a new bin of finite values, as most are: in a third of the time
                count = len(part)
                kept[place], kept[place + 1], kept[place + 2], kept[place + 3] = low, high, summed / count, count
            else:
                self._add(column, number, summary(part, sparse=sparse))

    def add_chunks(self, firsts: list[float], lasts: list[float], columns: Sequence[tuple[Values, ...] | None]) -> None:
        """Add rollup records; each counts in the bin that contains its first step."""
        for number, start, stop in self._split(firsts, lasts):
            for column, parts in enumerate(columns):
                if parts is not None:
                    self._add(column, number, weighted(*(part[start:stop] for part in parts)))

    def _add(self, column: int, number: int, found: Sequence[float]) -> None:
        """Add minimum, maximum, mean, finite and non-finite count of a column to a bin."""
        kept, place = self._columns[column], PARTS * number
        low, high, mean, finite, bad = found
        old = kept[place + 3]
        if old > 0 and finite:
            # No sum is kept: it could outgrow a float where its terms do not.
            count = old + finite
            low, high = min(kept[place], low), max(kept[place + 1], high)
            mean, finite = kept[place + 2] * (old / count) + mean * (finite / count), count
        elif old > 0:
            low, high, mean, finite = kept[place : place + 4]
        kept[place], kept[place + 1], kept[place + 2], kept[place + 3] = low, high, mean, finite
        kept[place + 4] += bad

    def _split(self, firsts: list[float], lasts: list[float]) -> Iterator[BinSpan]:
        if firsts and self.grows:
            top = max(firsts)
            while top >= self.origin + self.bins * self.width:
                self._double()
        start = 0
        while start < len(firsts):
            number = min(max(0, int((firsts[start] - self.origin) // self.width)), self.bins - 1)
            end = self.origin + (number + 1) * self.width if number < self.bins - 1 else math.inf
            stop = bisect_left(firsts, end, start + 1)
            self._cover(number, firsts[start], lasts[stop - 1])
            yield number, start, stop
            start = stop

    def _cover(self, number: int, first: float, last: float) -> None:
        self._firsts[number] = min(self._firsts[number], first)
        self._lasts[number] = max(self._lasts[number], last)

    def _double(self) -> None:
        self.width *= 2
        firsts, lasts, columns = self._firsts, self._lasts, self._columns
        self._clear()
        for number, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
            if first > last:
                continue
            self._cover(number // 2, first, last)
            for column, kept in enumerate(columns):
                found = kept[PARTS * number : PARTS * (number + 1)]
                if found[3] >= 0:
                    self._add(column, number // 2, found)

    def series(self) -> list[Series]:
        return [self._one(kept) for kept in self._columns]

    def _one(self, kept: array[float]) -> Series:
        filled = [number for number, (count, lost) in enumerate(zip(kept[3::PARTS], kept[4::PARTS], strict=True)) if count > 0 or lost]
        if not filled:
            return EMPTY_SERIES
        start, stop = filled[0], filled[-1] + 1
        parts = [self._firsts[start:stop], self._lasts[start:stop], *(kept[PARTS * start + part : PARTS * stop : PARTS] for part in range(PARTS))]
        if len(filled) < stop - start:
            parts = [array("d", [part[number - start] for number in filled]) for part in parts]
        x, x_last, low, high, mean, finite, bad = parts
        return Series(
            x=x,
            x_last=x_last,
            low=low,
            high=high,
            mean=array("d", [min(max(each, least), most) for each, least, most in zip(mean, low, high, strict=True)]),
            finite=list(map(int, finite)),
            nonfinite=list(map(int, bad)),
            first=x[0],
            last=x_last[-1],
        )


def fill(envelope: Envelope, segment: Segment, places: Places, start: int, stop: int) -> None:
    """Add records start to stop of a segment: from its rollup where that is fine enough for the bins, else from the records."""
    for level in (2, 1):
        size = SPANS[level]
        begin, end = -(-start // size), stop // size
        if begin >= end or not _is_fine(segment, begin, end, size, envelope.width):
            continue
        end = min(end, segment.rolled(level))
        if begin >= end:
            continue
        if start < begin * size:
            fill(envelope, segment, places, start, begin * size)
        done = begin
        for firsts, lasts, columns in segment.chunks(level, begin, end, places):
            envelope.add_chunks(firsts, lasts, columns)
            done += len(firsts)
        if done == begin:  # a rollup that is not what it should be
            start = begin * size
            continue
        if done * size < stop:
            fill(envelope, segment, places, done * size, stop)
        return
    for steps, values in segment.by_column(start, stop, places):
        envelope.add_rows(steps, values)


def _is_fine(segment: Segment, begin: int, end: int, size: int, width: float) -> bool:
    """Whether the records under one of the rollup span no more steps than a bin has, in the first of them and in the last."""
    for chunk in (begin, end - 1):
        head, tail = segment.row(chunk * size), segment.row((chunk + 1) * size - 1)
        if head is None or tail is None or not tail[0] - head[0] <= width:
            return False
    return True
