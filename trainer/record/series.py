"""A column as a curve of at most so many bins, kept up to date with each new record."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from trainer.record.rollup import FAN
from trainer.record.segment import Segment

NAN = math.nan


def _none() -> Sequence[float]:
    return array("d")


@dataclass(frozen=True, slots=True)
class Series:
    """Bins in the order of steps, all sequences of one length; `first` and `last` are the steps covered.

    Each bin from step `x` to `x_last` has the `low`, `high` and `mean` of its finite values (nan where none is), how many
    were `finite`, and how many `nonfinite`.
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


class Envelope:
    """Bins of a power-of-two width in steps; when the steps outgrow them, the width doubles and neighbours merge."""

    def __init__(self, bins: int, *, origin: float = 0.0, width: float = 1.0, sparse: bool = False) -> None:
        self.bins, self.origin, self.width, self.sparse = max(2, bins), origin, width, sparse
        # bin number -> [first step, last step, low, high, sum, finite, nonfinite]
        self._found: dict[int, list[float]] = {}

    def add(self, first: float, last: float, low: float, high: float, total: float, finite: float, nonfinite: float) -> None:
        number = int((first - self.origin) // self.width) if first - self.origin == first - self.origin else 0
        while number >= self.bins:
            self._double()
            number = int((first - self.origin) // self.width)
        entry = self._found.get(number)
        if entry is None:
            self._found[number] = [first, last, low, high, total, finite, nonfinite]
        else:
            merge(entry, last, low, high, total, finite, nonfinite)

    def add_value(self, step: float, value: float) -> None:
        if value - value == 0.0:
            self.add(step, step, value, value, value, 1.0, 0.0)
        elif value == value or not self.sparse:
            self.add(step, step, NAN, NAN, 0.0, 0.0, 1.0)

    def _double(self) -> None:
        self.width *= 2
        old, self._found = self._found, {}
        for number in sorted(old):
            entry = old[number]
            into = self._found.get(number // 2)
            if into is None:
                self._found[number // 2] = entry
            else:
                merge(into, *entry[1:])

    def series(self) -> Series:
        entries = [self._found[number] for number in sorted(self._found)]
        if not entries:
            return EMPTY_SERIES
        return Series(
            x=array("d", [e[0] for e in entries]),
            x_last=array("d", [e[1] for e in entries]),
            low=array("d", [e[2] for e in entries]),
            high=array("d", [e[3] for e in entries]),
            mean=array("d", [min(max(e[4] / e[5], e[2]), e[3]) if e[5] else NAN for e in entries]),
            finite=[int(e[5]) for e in entries],
            nonfinite=[int(e[6]) for e in entries],
            first=entries[0][0],
            last=entries[-1][1],
        )


def merge(entry: list[float], last: float, low: float, high: float, total: float, finite: float, nonfinite: float) -> None:
    entry[1] = max(entry[1], last)
    if finite:
        entry[2] = low if not entry[5] or low < entry[2] else entry[2]
        entry[3] = high if not entry[5] or high > entry[3] else entry[3]
        entry[4] += total
        entry[5] += finite
    entry[6] += nonfinite


def fill(envelope: Envelope, segment: Segment, column: int, start: int, stop: int, first: float, last: float) -> None:
    """Add records start to stop of a segment, from its rollup where a chunk is no wider than a bin, else from the raw data."""
    ones, twos = segment.rolled() if column >= 2 and stop - start >= FAN else (0, 0)
    for level, size, have in ((2, FAN * FAN, twos), (1, FAN, ones)):
        begin, end = -(-start // size), min(stop // size, have)
        if end <= begin or not _fits(segment, begin * size, size, envelope.width):
            continue
        _fill_raw_or_finer(envelope, segment, column, start, begin * size, first, last)
        done = begin
        for chunk in segment.chunks(level, begin, end, column):
            _level, low_step, high_step, _t0, _t1, low, high, mean, finite = chunk
            done += 1
            if high_step < first or low_step > last:
                continue
            if low_step < first or high_step > last:  # the edge of a chosen range: exact from the raw records
                _fill_raw(envelope, segment, column, (done - 1) * size, done * size, first, last)
                continue
            missing = 0.0 if envelope.sparse else size - finite
            envelope.add(low_step, high_step, low, high, mean * finite if finite else 0.0, finite, missing)
        fill(envelope, segment, column, done * size, stop, first, last)
        return
    _fill_raw(envelope, segment, column, start, stop, first, last)


def _fits(segment: Segment, start: int, size: int, width: float) -> bool:
    head, tail = segment.row(start), segment.row(start + size - 1)
    return head is not None and tail is not None and tail[0] - head[0] <= width


def _fill_raw_or_finer(envelope: Envelope, segment: Segment, column: int, start: int, stop: int, first: float, last: float) -> None:
    if start < stop:
        fill(envelope, segment, column, start, stop, first, last)


def _fill_raw(envelope: Envelope, segment: Segment, column: int, start: int, stop: int, first: float, last: float) -> None:
    for row in segment.rows(start, stop):
        if first <= row[0] <= last:
            envelope.add_value(row[0], row[column])
