"""One segment as a reader sees it: whole records only, at computed positions, never the whole file at once."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from trainer.record.rollup import FAN, HEAD, PER_COLUMN, complete_chunks, level1_index, level2_index, record_width
from trainer.record.streams import FORMAT, Column

BLOCK = 1 << 18  # bytes read at a time


class UnknownSchema(Exception):
    """A segment that this version cannot read; the message says why."""


class Segment:
    """`count` records exist; `limit` of them count, where a later segment took over from a step on."""

    def __init__(self, base: Path) -> None:
        """Raises UnknownSchema for what is not to be read, OSError and ValueError for what is not there yet."""
        try:
            schema = json.loads(base.with_name(f"{base.name}.json").read_bytes())
        except RecursionError:
            raise UnknownSchema(f"{base.name}.json is not a schema") from None
        if not isinstance(schema, dict) or schema.get("format") != FORMAT:
            version = schema.get("format") if isinstance(schema, dict) else None
            raise UnknownSchema(f"{base.name} has format {version!r}; this gradtop reads {FORMAT}. A newer gradtop may read it.")
        try:
            self.columns = tuple(Column(str(c["name"]), str(c.get("unit", "")), c.get("sparse") is True) for c in schema["columns"])
            self.size = int(schema["record_size"])
            self.first_step = float(schema.get("first_step", 0))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            raise UnknownSchema(f"{base.name}.json does not say its columns") from None
        if self.size != 8 * len(self.columns) or [c.name for c in self.columns[:2]] != ["step", "time"]:
            raise UnknownSchema(f"{base.name}.json does not fit its records")
        extra = schema.get("extra")
        self.extra: Mapping[str, object] = extra if isinstance(extra, dict) else {}
        self.places = {column.name: place for place, column in enumerate(self.columns)}
        self.count = 0
        self.limit: int | None = None
        self._unpack = struct.Struct(f"<{len(self.columns)}d")
        self._width = record_width(len(self.columns))
        self._chunk = struct.Struct(f"<{self._width}d")
        self._file = os.open(f"{base}.bin", os.O_RDONLY | os.O_CLOEXEC)
        self._roll_path = f"{base}.roll"
        self._roll = -1

    def __del__(self) -> None:
        for descriptor in (getattr(self, "_file", -1), getattr(self, "_roll", -1)):
            if descriptor >= 0:
                os.close(descriptor)

    def refresh(self) -> bool:
        try:
            count = os.fstat(self._file).st_size // self.size
        except OSError:
            return False
        grown, self.count = count != self.count, count
        return grown

    @property
    def valid(self) -> int:
        return self.count if self.limit is None else min(self.count, self.limit)

    def cut(self, step: float) -> bool:
        """Leave out the records from this step on; they were done anew. Steps never fall within a segment."""
        low, high = 0, self.valid
        while low < high:
            middle = (low + high) // 2
            row = self.row(middle)
            if row is None or row[0] >= step:
                high = middle
            else:
                low = middle + 1
        changed = low < self.valid
        if changed or self.limit is None:
            self.limit = low
        return changed

    def row(self, number: int) -> tuple[float, ...] | None:
        data = self._read(self._file, self.size, number * self.size)
        return self._unpack.unpack(data) if len(data) == self.size else None

    def rows(self, start: int, stop: int) -> Iterator[tuple[float, ...]]:
        """Records start to stop, a block at a time."""
        step = max(1, BLOCK // self.size)
        while start < stop:
            data = self._read(self._file, min(step, stop - start) * self.size, start * self.size)
            whole = len(data) // self.size
            if not whole:
                return
            yield from self._unpack.iter_unpack(data[: whole * self.size])
            start += whole

    def chunks(self, level: int, start: int, stop: int, column: int) -> Iterator[tuple[float, ...]]:
        """Of the rollup, from chunk start to stop: level, first and last step, first and last time, min, max, mean, finite count.

        Ends early where the rollup does: what is missing there is to be had from the raw records.
        """
        index = level1_index if level == 1 else level2_index
        offset = 8 * (HEAD + PER_COLUMN * (column - 2))
        size = 8 * self._width
        head, four = struct.Struct("<5d"), struct.Struct("<4d")
        chunk = start
        while chunk < stop:
            # Level-1 records stand together up to the next level-2 record: they are read in one go.
            together = min(stop - chunk, FAN - chunk % FAN) if level == 1 else 1
            data = self._read(self._roll, together * size, index(chunk) * size)
            whole = len(data) // size
            for number in range(whole):
                first = head.unpack_from(data, number * size)
                if first[0] != level:
                    return
                yield first + four.unpack_from(data, number * size + offset)
            if whole < together:
                return
            chunk += together

    def rolled(self) -> tuple[int, int]:
        """How many level-1 and level-2 chunks can be trusted: they are there and lie within the valid records."""
        if self._roll < 0:
            try:
                self._roll = os.open(self._roll_path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return 0, 0
        try:
            ones, twos = complete_chunks(os.fstat(self._roll).st_size // (8 * self._width))
        except OSError:
            return 0, 0
        return min(ones, self.valid // FAN), min(twos, self.valid // (FAN * FAN))

    @staticmethod
    def _read(descriptor: int, size: int, offset: int) -> bytes:
        try:
            return os.pread(descriptor, size, offset)
        except OSError:
            return b""
