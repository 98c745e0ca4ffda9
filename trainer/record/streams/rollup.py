"""The rollup of a segment: one record per 64 records, and one per 64 of those, at positions that can be computed.

A rollup record is `level, first step, last step, first time, last time`, then per value column `min, max, mean, finite,
non-finite`: minimum, maximum and mean of the finite values (nan if there are none), and the counts of finite and non-finite values.
In a sparse column NaN means "not measured" and is in neither count. Each 64 level-1 records are followed by the level-2 record
over them.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from collections.abc import Sequence

from gradtop.trainer.record.bounds import WHOLE

FAN = 64
HEAD = 5
PER_COLUMN = 5
NAN = math.nan
NOTHING = (NAN, NAN, NAN, 0.0, 0.0)


def record_width(columns: int) -> int:
    """Values (float64) in a rollup record of a segment with `columns` columns, step and time included."""
    return HEAD + PER_COLUMN * (columns - 2)


def level1_index(chunk: int) -> int:
    """Position of the level-1 record of chunk `chunk` (64 records), in rollup records."""
    return chunk + chunk // FAN


def level2_index(chunk: int) -> int:
    """Position of the level-2 record of chunk `chunk` (4096 records), in rollup records."""
    return chunk * (FAN + 1) + FAN


def complete_chunks(records: int) -> tuple[int, int]:
    """The numbers of level-1 and level-2 records in a rollup file of `records` records."""
    blocks, rest = divmod(records, FAN + 1)
    return blocks * FAN + min(rest, FAN), blocks


def doubles(data: bytes) -> memoryview[float]:
    """A view of little-endian float64 values; `data` is a whole number of them."""
    if sys.byteorder == "little":
        return memoryview(data).cast("d")
    swapped = array("d", data)
    swapped.byteswap()
    return memoryview(swapped)


def strided(view: memoryview[float], start: int, width: int) -> list[float]:
    """Every `width`-th value from `start` on: one column of records with `width` values."""
    return view[start::width].tolist()  # type: ignore[return-value]  # typeshed thinks of bytes alone


def summary(values: Sequence[float], *, sparse: bool) -> tuple[float, float, float, float, float]:
    """Minimum, maximum and mean of the finite values, their count, and the count of non-finite ones; if `sparse`, NaN is not counted."""
    count = len(values)
    total = sum(values)
    if total - total == 0.0:  # a finite sum means finite values: the usual case, without a look at each
        return min(values), max(values), total / count, float(count), 0.0
    if sparse:
        values = [value for value in values if value == value]
        if not values:
            return NOTHING
        count, total = len(values), sum(values)
        if total - total == 0.0:
            return min(values), max(values), total / count, float(count), 0.0
    finite = [value for value in values if value - value == 0.0]
    bad = count - len(finite)
    if not finite:
        return NAN, NAN, NAN, 0.0, float(bad)
    return min(finite), max(finite), mean(finite), float(len(finite)), float(bad)


def mean(values: Sequence[float]) -> float:
    """The mean, without overflow for values near the largest float."""
    total = sum(values)
    return total / len(values) if math.isfinite(total) else sum(value / len(values) for value in values)


def weighted(
    lows: Sequence[float], highs: Sequence[float], means: Sequence[float], finite: Sequence[float], bad: Sequence[float]
) -> tuple[float, float, float, float, float]:
    """The summary of several summaries, weighted by their finite counts."""
    count, lost, least = sum(finite), sum(bad), min(finite)
    if not count:
        return NAN, NAN, NAN, 0.0, lost
    if least == max(finite):  # the usual case: all have a mean, and of as many values
        return min(lows), max(highs), mean(means), count, lost
    if not least:
        there = [place for place, number in enumerate(finite) if number]
        lows, highs, means, finite = ([part[place] for place in there] for part in (lows, highs, means, finite))
    return min(lows), max(highs), sum([m * (n / count) for m, n in zip(means, finite, strict=True)]), count, lost


def in_place(steps: Sequence[float]) -> bool:
    """Whether all are valid steps: finite, and small enough to be exact in float64."""
    return not steps or (math.isfinite(sum(steps)) and min(steps) >= -WHOLE and max(steps) <= WHOLE)


def is_sound(parts: Sequence[Sequence[float]], span: int) -> bool:
    """Whether minima, maxima, means and counts are possible for rollup records over `span` records each."""
    lows, highs, means, finite, bad = parts
    counts = sum(finite) + sum(bad)
    if counts != counts or min(finite) < 0 or min(bad) < 0 or max(finite) > span or max(bad) > span:
        return False
    total = sum(lows) + sum(highs) + sum(means)
    # A sum may overflow where its terms do not, and where nothing is finite there is no value.
    return total - total == 0 or all(math.isfinite(0 * low + 0 * high) and math.isfinite(mean) for low, high, mean, n in zip(lows, highs, means, finite, strict=True) if n)


class Rollup:
    """Condenses records as they are written; returns the bytes of the rollup records that are complete."""

    def __init__(self, sparse: Sequence[bool]) -> None:
        """`sparse`: for each value column, whether NaN means "not measured" in it."""
        self._sparse = sparse
        self._width = len(sparse) + 2
        self._size = 8 * self._width * FAN
        self._unpack = struct.Struct(f"<{self._width * FAN}d").unpack_from
        self._pack = struct.Struct(f"<{record_width(self._width)}d").pack
        self._rest = b""
        self._chunks: list[list[float]] = []

    def add(self, records: bytes) -> bytes:
        """`records`: whole records, as in the .bin file. Returns the rollup records that they complete."""
        data = self._rest + records if self._rest else records
        due, start = b"", 0
        while len(data) - start >= self._size:
            chunk = self._condense(self._unpack(data, start))
            start += self._size
            due += self._pack(*chunk)
            self._chunks.append(chunk)
            if len(self._chunks) == FAN:
                due += self._pack(*self._condense_chunks())
                self._chunks.clear()
        self._rest = data[start:]
        return due

    def _condense(self, values: tuple[float, ...]) -> list[float]:
        width = self._width
        record = [1.0, values[0], values[-width], values[1], values[1 - width]]
        for column, sparse in enumerate(self._sparse, 2):
            record += summary(values[column::width], sparse=sparse)
        return record

    def _condense_chunks(self) -> list[float]:
        chunks = self._chunks
        record = [2.0, chunks[0][1], chunks[-1][2], chunks[0][3], chunks[-1][4]]
        columns = list(zip(*chunks, strict=True))
        for start in range(HEAD, len(columns), PER_COLUMN):
            record += weighted(*columns[start : start + PER_COLUMN])
        return record
