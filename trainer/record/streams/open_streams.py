"""What the thread of a writer has open: the segments of its streams, in a run directory that may be moved or deleted."""

from __future__ import annotations

import struct
import time as clock
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.place import Location, LocationTracker
from gradtop.trainer.record.streams.registry import Column
from gradtop.trainer.record.streams.segment_writer import SegmentWriter, ShortWrite

TRY_AGAIN_AFTER = 1.0

Written = TypeVar("Written")

Row: TypeAlias = tuple[float, ...]  # step, time, values


@dataclass
class Opening:
    """A stream that was opened; its segment is created with its first batch."""

    stream: str
    columns: tuple[Column, ...]
    first_step: int
    extra: Mapping[str, object]
    rollup: bool
    writer: SegmentWriter | None = None
    try_at: float = 0.0


class OpenStreams:
    """Appends batches of records to segments; what cannot be written is counted and explained with `lose`. For one thread."""

    def __init__(self, run: Run, rank: int, lose: Callable[[int, str], None], on_place: Callable[[Location], object]) -> None:
        """`on_place` is called when the run directory was moved, and once when it is gone."""
        self.run, self.rank, self._lose, self._on_place = run, rank, lose, on_place
        self._streams: dict[str, Opening] = {}
        self._place = _place_of(run)
        self._gone = False

    def close(self) -> None:
        for opening in self._streams.values():
            self._end(opening)
        if self._place is not None:
            self._place.close()

    def begin(self, opening: Opening) -> None:
        before = self._streams.get(opening.stream)
        if before is not None:
            self._end(before)
        self._streams[opening.stream] = opening
        self.append(opening.stream, [])  # its schema is there as soon as the stream is declared

    def where_it_is(self, write: Callable[[], Written]) -> Written:
        """Write a file of the run, again where the run directory was moved. Raises OSError."""
        try:
            return write()
        except FileNotFoundError:
            if self._find() is not Location.MOVED:
                raise
            return write()

    @staticmethod
    def _end(opening: Opening) -> None:
        writer, opening.writer = opening.writer, None
        if writer is not None:
            writer.close()

    def append(self, stream: str, rows: Sequence[Row]) -> None:
        opening = self._streams.get(stream)
        if opening is None:
            self._lose(len(rows), f"{stream} takes no such record") if rows else None
            return
        packed: list[bytes] = []
        try:
            writer = opening.writer or self._make(opening)
            packed = self._pack(writer, rows)
            if packed:
                writer.append_packed(b"".join(packed))
        except ShortWrite as error:
            self._lose(len(packed) - error.written, reason_of(error))
        except OSError as error:
            self._lose(len(rows), reason_of(error))

    def _make(self, opening: Opening) -> SegmentWriter:
        """Raises OSError."""
        now = clock.monotonic()
        if now < opening.try_at:
            raise OSError("its segment could not be created")
        opening.try_at = now + TRY_AGAIN_AFTER
        opening.writer = self.where_it_is(
            lambda: SegmentWriter(
                self.run,
                opening.stream,
                opening.columns,
                first_step=opening.first_step,
                extra=opening.extra,
                rollup=opening.rollup,
                rank=self.rank,
            )
        )
        return opening.writer

    def _pack(self, writer: SegmentWriter, rows: Sequence[Row]) -> list[bytes]:
        pack = writer.pack
        try:
            return [pack(*row) for row in rows]
        except (struct.error, TypeError, ValueError, OverflowError):
            return [each for row in rows if (each := self._pack_one(writer, row)) is not None]

    def _pack_one(self, writer: SegmentWriter, row: Row) -> bytes | None:
        try:
            return writer.pack(*row)
        except (struct.error, TypeError, ValueError, OverflowError) as error:
            self._lose(1, reason_of(error))
            return None

    def _find(self) -> Location:
        """Check the location of the run directory; after a move, continue there."""
        found = self._place.find() if self._place is not None else Location.HERE
        if found is Location.MOVED:
            for opening in self._streams.values():
                if opening.writer is not None:
                    opening.writer.follow(self.run)
        if found is Location.MOVED or (found is Location.GONE and not self._gone):
            self._gone = found is Location.GONE
            self._on_place(found)
        return found

    def look_for_deletion(self) -> None:
        self._find()
        for opening in self._streams.values():
            if opening.writer is not None and opening.writer.is_gone():
                self._lose(0, "the run directory was deleted or moved")
                self._end(opening)


def _place_of(run: Run) -> LocationTracker | None:
    try:
        return LocationTracker(run)
    except OSError:
        return None


def reason_of(error: Exception) -> str:
    """The system's message of an error, without the path of the file."""
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
