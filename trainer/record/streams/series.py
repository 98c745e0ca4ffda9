"""Columns as binned curves, updated incrementally with new records."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gradtop.trainer.record.bounds import WHOLE
from gradtop.trainer.record.streams.rollup import in_place, summary, weighted
from gradtop.trainer.record.streams.segment import SPANS, Places, Segment, Values


def _none() -> Sequence[float]:
    return array("d")


@dataclass(frozen=True, slots=True)
class Series:
    """Bins in order of steps, all sequences of equal length; `first` and `last` are the steps covered.

    A bin covers exactly the records from step `x` to `x_last`: minimum `low`, maximum `high` and `mean` of their finite values (nan
    if there are none), and the counts `finite` and `nonfinite`. Bins without measurements are omitted.
    """

    x: Sequence[float] = field(default_factory=_none)
    x_last: Sequence[float] = field(default_factory=_none)
    low: Sequence[float] = field(default_factory=_none)
    high: Sequence[float] = field(default_factory=_none)
    mean: Sequence[float] = field(default_factory=_none)
    finite: Sequence[int] = ()
    nonfinite: Sequence[int] = ()
    first: float = 0.0
    last: float = 0.0


EMPTY_SERIES = Series()


class Bin:
    """Statistics of the records with steps `first` to `last`: per column minimum, maximum, mean, finite and non-finite count."""

    __slots__ = ("columns", "first", "last")

    def __init__(self, first: float, last: float, columns: int) -> None:
        self.first, self.last = first, last
        self.columns: list[tuple[float, float, float, float, float] | None] = [None] * columns

    def cover(self, first: float, last: float) -> None:
        self.first, self.last = min(self.first, first), max(self.last, last)

    def add(self, column: int, found: tuple[float, float, float, float, float]) -> None:
        old = self.columns[column]
        if old is None:
            self.columns[column] = found
            return
        low, high, mean, finite, bad = found
        if not finite:
            self.columns[column] = (*old[:4], old[4] + bad)
        elif not old[3]:
            self.columns[column] = (low, high, mean, finite, old[4] + bad)
        else:
            count = old[3] + finite
            # No sum is kept: it could outgrow a float where its terms do not.
            average = old[2] * (old[3] / count) + mean * (finite / count)
            self.columns[column] = (min(old[0], low), max(old[1], high), average, count, old[4] + bad)


class Envelope:
    """Columns in bins of `width` steps from step `origin` on. If it `grows`, steps beyond the last bin double the width."""

    def __init__(self, sparse: Sequence[bool], bins: int, *, origin: float, width: float, grows: bool) -> None:
        self.sparse, self.bins, self.origin, self.width, self.grows = sparse, bins, origin, width, grows
        self._found: dict[int, Bin] = {}

    def add_rows(self, steps: list[float], columns: Sequence[list[float] | None]) -> None:
        """Add records; `steps` must not decrease, `columns` holds one list of values per column, None for a missing one."""
        if not in_place(steps):  # not of our writing: a record without a place is left out
            keep = [place for place, step in enumerate(steps) if -WHOLE <= step <= WHOLE]
            columns = [None if values is None else [values[place] for place in keep] for values in columns]
            steps = [steps[place] for place in keep]
        for found, start, stop in self._split(steps, steps):
            for column, values in enumerate(columns):
                if values is not None:
                    found.add(column, summary(values[start:stop], sparse=self.sparse[column]))

    def add_chunks(self, firsts: list[float], lasts: list[float], columns: Sequence[tuple[Values, ...] | None]) -> None:
        """Add rollup records; each counts in the bin that contains its first step."""
        for found, start, stop in self._split(firsts, lasts):
            for column, parts in enumerate(columns):
                if parts is not None:
                    found.add(column, weighted(*(part[start:stop] for part in parts)))

    def _split(self, firsts: list[float], lasts: list[float]) -> Iterator[tuple[Bin, int, int]]:
        if firsts and self.grows:
            top = max(firsts)
            while top >= self.origin + self.bins * self.width:
                self._double()
        start = 0
        while start < len(firsts):
            number = min(max(0, int((firsts[start] - self.origin) // self.width)), self.bins - 1)
            end = self.origin + (number + 1) * self.width if number < self.bins - 1 else math.inf
            stop = bisect_left(firsts, end, start + 1)
            found = self._found.get(number)
            if found is None:
                found = self._found[number] = Bin(firsts[start], lasts[stop - 1], len(self.sparse))
            else:
                found.cover(firsts[start], lasts[stop - 1])
            yield found, start, stop
            start = stop

    def _double(self) -> None:
        self.width *= 2
        old, self._found = self._found, {}
        for number in sorted(old):
            found = old[number]
            into = self._found.get(number // 2)
            if into is None:
                self._found[number // 2] = found
                continue
            into.cover(found.first, found.last)
            for column, each in enumerate(found.columns):
                if each is not None:
                    into.add(column, each)

    def series(self) -> list[Series]:
        ordered = [self._found[number] for number in sorted(self._found)]
        return [self._one(ordered, column) for column in range(len(self.sparse))]

    @staticmethod
    def _one(ordered: list[Bin], column: int) -> Series:
        bins = [(found, each) for found in ordered if (each := found.columns[column]) is not None and (each[3] or each[4])]
        if not bins:
            return EMPTY_SERIES
        return Series(
            x=array("d", [found.first for found, _ in bins]),
            x_last=array("d", [found.last for found, _ in bins]),
            low=array("d", [each[0] for _, each in bins]),
            high=array("d", [each[1] for _, each in bins]),
            mean=array("d", [min(max(each[2], each[0]), each[1]) for _, each in bins]),
            finite=[int(each[3]) for _, each in bins],
            nonfinite=[int(each[4]) for _, each in bins],
            first=bins[0][0].first,
            last=bins[-1][0].last,
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
