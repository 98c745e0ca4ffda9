"""The rollup of a segment: one record per 64 records, and one per 64 of those, at positions that can be computed.

A rollup record is `level, first step, last step, first time, last time`, then per value column `min, max, mean, finite
count` (of the finite values; min, max and mean are nan where there is none). After every 64 level-1 records stands the
level-2 record over them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

FAN = 64
HEAD = 5
PER_COLUMN = 4
NAN = math.nan


def record_width(columns: int) -> int:
    """Values in a rollup record of a segment with so many columns, `step` and `time` among them."""
    return HEAD + PER_COLUMN * (columns - 2)


def level1_index(chunk: int) -> int:
    """Where the level-1 record of the chunk-th 64 records stands, in rollup records."""
    return chunk + chunk // FAN


def level2_index(chunk: int) -> int:
    """Where the level-2 record of the chunk-th 4096 records stands."""
    return chunk * (FAN + 1) + FAN


def complete_chunks(records: int) -> tuple[int, int]:
    """How many level-1 and level-2 records a rollup file of so many records holds."""
    blocks, rest = divmod(records, FAN + 1)
    return blocks * FAN + min(rest, FAN), blocks


def condense(rows: Sequence[Sequence[float]]) -> list[float]:
    """The level-1 record of 64 rows of `step, time, values…`."""
    columns = list(zip(*rows, strict=True))
    record = [1.0, rows[0][0], rows[-1][0], rows[0][1], rows[-1][1]]
    for values in columns[2:]:
        total = sum(values)
        if total - total == 0.0:  # a finite sum means finite values: the usual case, without a look at each
            record += (min(values), max(values), total / len(values), float(len(values)))
            continue
        finite = [value for value in values if value - value == 0.0]
        if finite:
            record += (min(finite), max(finite), mean(finite), float(len(finite)))
        else:
            record += (NAN, NAN, NAN, 0.0)
    return record


def mean(values: Sequence[float]) -> float:
    """The mean; values near the largest float must not overflow in their sum."""
    total = sum(values)
    return total / len(values) if math.isfinite(total) else sum(value / len(values) for value in values)


def condense_chunks(records: Sequence[Sequence[float]]) -> list[float]:
    """The level-2 record of 64 level-1 records."""
    result = [2.0, records[0][1], records[-1][2], records[0][3], records[-1][4]]
    for start in range(HEAD, len(records[0]), PER_COLUMN):
        parts = [record[start : start + PER_COLUMN] for record in records if record[start + 3] > 0]
        if not parts:
            result += (NAN, NAN, NAN, 0.0)
            continue
        count = sum(part[3] for part in parts)
        average = sum(part[2] * (part[3] / count) for part in parts)
        result += (min(part[0] for part in parts), max(part[1] for part in parts), average, count)
    return result


class Rollup:
    """Takes rows as they are written and returns the bytes that are due in the rollup file."""

    def __init__(self, columns: int) -> None:
        self._pack = struct.Struct(f"<{record_width(columns)}d").pack
        self._rows: list[Sequence[float]] = []
        self._chunks: list[list[float]] = []

    def add(self, rows: Sequence[Sequence[float]]) -> bytes:
        self._rows += rows
        due = b""
        while len(self._rows) >= FAN:
            record = condense(self._rows[:FAN])
            del self._rows[:FAN]
            due += self._pack(*record)
            self._chunks.append(record)
            if len(self._chunks) == FAN:
                due += self._pack(*condense_chunks(self._chunks))
                self._chunks = []
        return due
