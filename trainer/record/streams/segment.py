"""Reading one segment: only whole records, at computed offsets, never the whole file at once."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from gradtop.trainer.record import bounds
from gradtop.trainer.record.bounds import LATEST, WHOLE
from gradtop.trainer.record.files import LARGEST, identity, look, open_regular, read_file
from gradtop.trainer.record.streams.registry import Column
from gradtop.trainer.record.streams.rollup import (
    FAN,
    PER_COLUMN,
    complete_chunks,
    doubles,
    in_place,
    is_sound,
    level1_index,
    level2_index,
    record_width,
    strided,
)
from gradtop.trainer.record.streams.rollup import (
    HEAD as ROLLUP_HEAD,
)
from gradtop.trainer.record.streams.segment_writer import FORMAT, HEAD

BLOCK = 1 << 18  # bytes read at a time
MOST_COLUMNS = 150_000
SPANS = {1: FAN, 2: FAN * FAN}  # records under one record of a level of the rollup

Values: TypeAlias = Sequence[float]
Places: TypeAlias = Sequence[int | None]  # of columns in a record; None for a column that the segment lacks


class UnknownSchema(Exception):
    """This version cannot read the segment; the message has the reason."""


def _columns(found: object) -> tuple[Column, ...] | None:
    if not isinstance(found, list) or not all(isinstance(each, dict) and isinstance(each.get("name"), str) for each in found):
        return None
    return tuple([Column(bounds.name(c["name"]) or "", bounds.name(c.get("unit")) or "", c.get("sparse") is True) for c in found])


class Segment:
    """The records of one writing process. No file stays open: a replaced file is noticed, and there may be many runs."""

    def __init__(self, base: Path) -> None:
        """Raises UnknownSchema for a schema of another version or beyond bounds, Unreadable or ValueError where files are missing or incomplete yet."""
        self._schema_path = base.with_name(f"{base.name}.json")
        self._schema, seen = bounds.read_seen_bytes(self._schema_path, LARGEST)
        self._schema_seen = identity(seen)
        try:
            schema = bounds.parse_json(self._schema)
        except bounds.TooManyValues as error:
            raise UnknownSchema(f"{base.name}.json cannot be read: {error}") from None
        version = schema.get("format") if isinstance(schema, dict) else None
        if not isinstance(schema, dict) or version != FORMAT:
            raise UnknownSchema(f"{base.name} has format {str(version)[:40]}; this gradtop reads {FORMAT}. A newer gradtop may read it.")
        listed = schema.get("columns")
        if isinstance(listed, list) and len(listed) > MOST_COLUMNS:
            raise UnknownSchema(f"{base.name}.json has {len(listed):,} columns; at most {MOST_COLUMNS:,} are read")
        columns, first = _columns(listed), bounds.count(schema.get("first_step", 0))
        if columns is None or first is None:
            raise UnknownSchema(f"{base.name}.json does not list its columns")
        self.size, self.first_step = 8 * len(columns), float(first)
        if schema.get("record_size") != self.size or [c.name for c in columns[:2]] != [c.name for c in HEAD]:
            raise UnknownSchema(f"the columns and the record size in {base.name}.json do not match")
        extra = bounds.bounded(schema.get("extra"))
        self.columns = columns
        self.places = {column.name: place for place, column in enumerate(columns)}
        self.extra: Mapping[str, object] = extra if isinstance(extra, dict) else {}
        self.count = 0  # records there are
        self.valid = 0  # records that count: those before `until`
        self.until = math.inf
        self.unreadable = ""
        self._unpack = struct.Struct(f"<{len(columns)}d")
        self._width = record_width(len(columns))
        self._path, self._roll_path = f"{base}.bin", f"{base}.roll"
        self._file = self._roll = -1
        self._readers = 0

    def is_same(self) -> bool:
        """Whether the schema file is still the one that was read: a stream may have been started again."""
        try:
            seen = identity(look(self._schema_path))
            if seen != self._schema_seen and read_file(self._schema_path) != self._schema:
                return False
        except OSError:
            return True
        self._schema_seen = seen
        return True

    def refresh(self) -> bool:
        """Whether `valid` changed; a file that was removed leaves it unchanged."""
        try:
            count = look(self._path).st_size // self.size
        except OSError as error:
            self.unreadable = "" if isinstance(error, FileNotFoundError) else str(bounds.unreadable(self._path, error.strerror or "error"))
            return False
        self.unreadable = ""
        if count == self.count:
            return False
        self.count = count
        return self._recount()

    def end_at(self, step: float) -> bool:
        """Ignore records from `step` on, which a later segment replaces. Returns whether `valid` changed."""
        if step == self.until:
            return False
        self.until = step
        return self._recount()

    def _recount(self) -> bool:
        before, self.valid = self.valid, self._written()
        if self.until < math.inf:
            with self.reading():
                self.valid = self.place_of(self.until)
        return self.valid != before

    def _written(self) -> int:
        """The number of records without those of zeros alone at the end, which a file system leaves there when its host loses power."""
        with self.reading():
            if not self._is_blank(self.count - 1):
                return self.count
            reach = 1
            while self._is_blank(self.count - 1 - reach):
                reach *= 2
            low, high = max(0, self.count - reach), self.count - 1 - reach // 2
            while low < high:
                middle = (low + high) // 2
                low, high = (low, middle) if self._is_blank(middle) else (middle + 1, high)
        return low

    def _is_blank(self, number: int) -> bool:
        return number >= 0 and self._read(self.size, number * self.size) == bytes(self.size)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep the files open for several reads; may be nested."""
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1
            if not self._readers:
                for descriptor in (self._file, self._roll):
                    if descriptor >= 0:
                        os.close(descriptor)
                self._file = self._roll = -1

    def place_of(self, step: float, *, after: bool = False) -> int:
        """Index of the first valid record at or after `step` (`after`: only after). Steps do not decrease within a segment."""
        low, high = 0, self.valid
        if high:
            last = self.row(high - 1)
            if last is not None and (last[0] <= step if after else last[0] < step):
                return high
        while low < high:
            middle = (low + high) // 2
            row = self.row(middle)
            if row is None or (row[0] > step if after else row[0] >= step):
                high = middle
            else:
                low = middle + 1
        return low

    def row(self, number: int) -> tuple[float, ...] | None:
        """One record; None if it does not exist, or its step or time is invalid."""
        data = self._read(self.size, number * self.size)
        row = self._unpack.unpack(data) if len(data) == self.size else None
        return row if row is not None and -WHOLE <= row[0] <= WHOLE and -LATEST <= row[1] <= LATEST else None

    def rows(self, start: int, stop: int) -> Iterator[tuple[float, ...]]:
        """Records `start` to `stop`, read in blocks; one with an invalid step or time is skipped."""
        for data in self._blocks(start, stop):
            for row in self._unpack.iter_unpack(data):
                if -WHOLE <= row[0] <= WHOLE and -LATEST <= row[1] <= LATEST:
                    yield row

    def by_column(self, start: int, stop: int, places: Places) -> Iterator[tuple[list[float], list[list[float] | None]]]:
        """Records `start` to `stop` in blocks: the steps, and the values of each column."""
        width = len(self.columns)
        for data in self._blocks(start, stop):
            view = doubles(data)
            yield strided(view, 0, width), [None if place is None else strided(view, place, width) for place in places]

    def _blocks(self, start: int, stop: int) -> Iterator[bytes]:
        most = max(1, BLOCK // self.size)
        with self.reading():
            while start < stop:
                data = self._read(min(most, stop - start) * self.size, start * self.size)
                whole = len(data) // self.size
                if not whole:
                    return
                yield data if len(data) == whole * self.size else data[: whole * self.size]
                start += whole

    def rolled(self, level: int) -> int:
        """Number of rollup records of a level; those that cover records beyond `valid` must not be used."""
        with self.reading():
            if not self._open():
                return 0
            try:
                size = os.fstat(self._roll).st_size if self._roll >= 0 else 0
            except OSError:
                return 0
        return complete_chunks(size // (8 * self._width))[level - 1]

    def chunks(
        self, level: int, start: int, stop: int, places: Sequence[int | None]
    ) -> Iterator[tuple[list[float], list[float], list[tuple[Values, ...] | None]]]:
        """Rollup records `start` to `stop` of a level, in blocks: first and last steps, and for each column its minima, maxima,
        means, finite and non-finite counts.

        Stops early where the rollup ends or is invalid; the caller reads the records themselves from there on.
        """
        width = self._width
        heads = [None if place is None else ROLLUP_HEAD + PER_COLUMN * (place - 2) for place in places]
        with self.reading():
            while start < stop:
                # Level-1 records stand together up to the next level-2 record.
                together = min(stop - start, FAN - start % FAN) if level == 1 else 1
                index = level1_index(start) if level == 1 else level2_index(start)
                data = self._read(together * 8 * width, index * 8 * width, rollup=True)
                if len(data) != together * 8 * width:
                    return
                view = doubles(data)
                firsts, lasts = strided(view, 1, width), strided(view, 2, width)
                found: list[tuple[Values, ...] | None] = [
                    None if head is None else tuple([strided(view, head + part, width) for part in range(PER_COLUMN)]) for head in heads
                ]
                if strided(view, 0, width) != [float(level)] * together or not in_place(firsts) or not in_place(lasts):
                    return
                if not all(is_sound(parts, SPANS[level]) for parts in found if parts is not None):
                    return
                yield firsts, lasts, found
                start += together

    def _read(self, size: int, offset: int, *, rollup: bool = False) -> bytes:
        with self.reading():
            if not self._open():
                return b""
            try:
                return os.pread(self._roll if rollup else self._file, size, offset)
            except OSError:
                return b""

    def _open(self) -> bool:
        if self._file < 0:
            try:
                self._file = open_regular(self._path)
            except OSError:
                return False
            try:
                self._roll = open_regular(self._roll_path)
            except OSError:
                self._roll = -1
        return True
