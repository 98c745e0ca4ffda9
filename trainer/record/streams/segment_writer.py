"""Writing a segment: `streams/<name>.<n>.json` is the schema, `.bin` has the records, `.roll` their rollup.

The segments of rank r > 0 of a distributed run are named `<name>.r<rank>.<n>`, so that ranks never supersede each other.
"""

from __future__ import annotations

import errno
import json
import os
import struct
import time as clock
from collections.abc import Mapping, Sequence

from gradtop.trainer.record.events import plain
from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.place import restore_folder
from gradtop.trainer.record.status import this_host
from gradtop.trainer.record.streams.registry import DTYPE, STEP, TIME, Column
from gradtop.trainer.record.streams.rollup import Rollup
from gradtop.trainer.record.writing import create, remove, write_atomically

FORMAT = 1
PENDING = 1 << 20  # bytes of rollup that wait for room on a full disk


HEAD = (Column(STEP), Column(TIME, "s"))  # of every record


class ShortWrite(OSError):
    """The disk is full; `written` records were written."""

    def __init__(self, written: int, error: OSError) -> None:
        number = error.errno or errno.EIO
        super().__init__(number, os.strerror(number))
        self.written = written


class SegmentWriter:
    """Appends records to a new segment of a stream; not thread-safe. Raises OSError.

    `columns` are without `step` and `time`, with which each record begins. A resumed process passes the step after its checkpoint as
    `first_step`: readers ignore the records of older segments from that step on.
    """

    def __init__(
        self,
        run: Run,
        stream: str,
        columns: Sequence[Column],
        *,
        first_step: int = 0,
        extra: Mapping[str, object] | None = None,
        rollup: bool = True,
        rank: int = 0,
    ) -> None:
        self.columns = (*HEAD, *columns)
        self.size = 8 * len(self.columns)
        self.pack = struct.Struct(f"<{len(self.columns)}d").pack
        # Written at computed places: what an interrupted write left is overwritten, so that no record is ever misplaced.
        self._end = self._roll_end = 0
        self._rollup = Rollup([column.sparse for column in columns]) if rollup else None
        self._due = b""
        self._roll = -1
        stem = segment_stem(stream, rank)
        number, self._file = _create(run, stem)
        self._base = run.streams / f"{stem}.{number}"
        try:
            if rollup:
                remove(run.path, self._base.with_name(f"{self._base.name}.roll"))  # of a segment that is no more
                self._roll = create(run.path, self._base.with_name(f"{self._base.name}.roll"))
            schema = {
                "format": FORMAT,
                "stream": stream,
                "rank": rank,
                "dtype": DTYPE,
                "columns": [{"name": c.name, "unit": c.unit, "sparse": c.sparse} for c in self.columns],
                "record_size": self.size,
                "first_step": first_step,
                "created": clock.time(),
                "pid": os.getpid(),
                "host": this_host()[0],
                "extra": plain(extra or {}),
            }
            write_atomically(run.path, self._base.with_name(f"{self._base.name}.json"), json.dumps(schema))
        except OSError:
            self.close()
            for ending in ("bin", "roll"):
                remove(run.path, self._base.with_name(f"{self._base.name}.{ending}"))
            raise

    def append(self, step: int, time: float, values: Sequence[float]) -> None:
        self.append_packed(self.pack(step, time, *values))

    def append_many(self, rows: Sequence[Sequence[float]]) -> None:
        """Rows of `step, time, values…`. Raises struct.error for a row of another length, ShortWrite on a full disk."""
        self.append_packed(b"".join([self.pack(*row) for row in rows]))

    def append_packed(self, data: bytes) -> None:
        """Append packed records in one write; records written before an error stay. Raises ShortWrite, OSError."""
        done, failure = write_at(self._file, data, self._end)
        written = done // self.size
        done = written * self.size
        self._end += done
        if self._rollup is not None:
            self._due += self._rollup.add(data if done == len(data) else data[:done])
            if self._due:
                self._write_rollup()
        if failure is not None:
            raise ShortWrite(written, failure)

    def _write_rollup(self) -> None:
        """Write pending rollup records; on a full disk they wait for the next append, and readers use the raw records."""
        done, _ = write_at(self._roll, self._due, self._roll_end)
        self._roll_end += done
        self._due = self._due[done:]
        if len(self._due) > PENDING:
            self._rollup, self._due = None, b""

    def follow(self, run: Run) -> None:
        """Use the new path of a run directory that was moved."""
        self._base = run.streams / self._base.name

    def is_gone(self) -> bool:
        """Whether the file was deleted or moved while open."""
        try:
            return not os.path.samestat(os.fstat(self._file), os.stat(f"{self._base}.bin"))
        except OSError:
            return True

    def close(self) -> None:
        for descriptor in (self._file, self._roll):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._roll = -1


def _create(run: Run, stem: str) -> tuple[int, int]:
    """Create the .bin file of a new segment; returns its number, above all existing ones, and a descriptor. Raises OSError."""
    number = 0
    restore_folder(run, run.streams)
    for name in os.listdir(run.streams):
        found = segment_number(name, stem)
        number = number if found is None else max(number, found + 1)
    while True:
        try:
            return number, create(run.path, run.streams / f"{stem}.{number}.bin")
        except FileExistsError:
            number += 1


def segment_stem(stream: str, rank: int = 0) -> str:
    """The prefix of a stream's segment files: `system`, and `system.r1` for rank 1."""
    return f"{stream}.r{rank}" if rank else stream


def split_stem(stem: str) -> tuple[str, int]:
    """Stream and rank of a stem."""
    stream, _, rank = stem.rpartition(".r")
    return (stream, int(rank)) if stream and is_number(rank) and int(rank) else (stem, 0)


def segment_number(name: str, stem: str) -> int | None:
    """The number in a file name such as `steps.0.json`; None for a file of another stream or rank."""
    base, _, _ending = name.rpartition(".")
    found, _, number = base.rpartition(".")
    return int(number) if found == stem and is_number(number) else None


def is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def write_at(descriptor: int, data: bytes, offset: int) -> tuple[int, OSError | None]:
    """Write as much as possible; returns the number of bytes written, and the error if it is not all."""
    done = 0
    try:
        while done < len(data):
            count = os.pwrite(descriptor, data[done:] if done else data, offset + done)
            if not count:
                return done, OSError(errno.EIO, os.strerror(errno.EIO))
            done += count
    except OSError as error:
        return done, error
    return done, None
