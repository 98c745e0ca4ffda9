"""Streams: append-only series of fixed-width little-endian float64 records, one segment per writing process.

`streams/<name>.<n>.json` says what the columns are, `.bin` holds the records, `.roll` their rollup (see `rollup`).
"""

from __future__ import annotations

import errno
import json
import os
import struct
import time as clock
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trainer.record.layout import Run, write_atomically
from trainer.record.rollup import Rollup
from trainer.record.status import this_host

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Column:
    """One value of a record. In a `sparse` column NaN means "not measured here", in any other "was not finite"."""

    name: str
    unit: str = ""
    sparse: bool = False


STEP, TIME = Column("step"), Column("time", "s")


class SegmentWriter:
    """Appends records to a new segment of a stream; one thread, one process. Raises OSError.

    A process that goes on from a checkpoint passes as `first_step` the step after the checkpoint's: readers leave out what
    older segments hold from that step on. After an error nothing torn is left behind: the next record is aligned.
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
    ) -> None:
        self.columns = (STEP, TIME, *columns)
        self._width = len(self.columns)
        self._size = 8 * self._width
        self._rollup = Rollup(self._width) if rollup else None
        self._good = True
        number, self._file = self._claim(run, stream)
        base = run.streams / f"{stream}.{number}"
        self._roll = -1
        self._roll_good = True
        try:
            if rollup:
                self._roll = os.open(f"{base}.roll", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            schema = {
                "format": FORMAT,
                "stream": stream,
                "columns": [{"name": c.name, "unit": c.unit, "sparse": c.sparse} for c in self.columns],
                "record_size": self._size,
                "first_step": first_step,
                "created": clock.time(),
                "pid": os.getpid(),
                "host": this_host()[0],
                "extra": dict(extra or {}),
            }
            write_atomically(base.with_name(f"{base.name}.json"), json.dumps(schema))
        except OSError:
            self.close()
            raise

    @staticmethod
    def _claim(run: Run, stream: str) -> tuple[int, int]:
        """The first free number, taken by making its file."""
        for number in range(1_000_000):
            path = run.streams / f"{stream}.{number}.bin"
            try:
                return number, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            except FileExistsError:
                continue
        raise OSError(errno.EEXIST, "too many segments", str(run.streams))

    def append(self, step: int, time: float, values: Sequence[float]) -> None:
        self.append_many([(step, time, *values)])

    def append_many(self, rows: Sequence[Sequence[float]]) -> None:
        """Rows of `step, time, values…`; what is written whole when an error is raised stays."""
        flat: list[float] = []
        for row in rows:
            flat += row
        if len(flat) != len(rows) * self._width:
            raise ValueError(f"a record has {self._width} values")
        whole = write_whole(self._file, struct.pack(f"<{len(flat)}d", *flat), self._size)
        written = whole // self._size
        if self._rollup is not None and self._roll_good:
            due = self._rollup.add(rows[:written])
            # A rollup that misses a record is misplaced from there on: it ends there and readers go on with the raw data.
            self._roll_good = not due or write_whole(self._roll, due, len(due)) == len(due)
        if written < len(rows):
            raise ShortWrite(written)

    def is_gone(self) -> bool:
        """Whether the file was deleted under the writer."""
        return os.fstat(self._file).st_nlink == 0

    def size(self) -> int:
        return os.fstat(self._file).st_size

    def close(self) -> None:
        for name in ("_file", "_roll"):
            descriptor = getattr(self, name)
            setattr(self, name, -1)
            if descriptor >= 0:
                os.close(descriptor)


class ShortWrite(OSError):
    """Not everything found room; `written` records did."""

    def __init__(self, written: int, number: int = errno.ENOSPC) -> None:
        super().__init__(number, os.strerror(number))
        self.written = written


def write_whole(descriptor: int, data: bytes, unit: int) -> int:
    """Write as many whole units as find room and return their bytes; what is torn is cut off again."""
    done = 0
    try:
        while done < len(data):
            done += os.write(descriptor, data[done:] if done else data)
    except OSError as error:
        torn = done % unit
        if torn:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - torn)
        if done - torn == 0 and error.errno != errno.ENOSPC:
            raise ShortWrite(0, error.errno or errno.EIO) from error
        return done - torn
    return done
