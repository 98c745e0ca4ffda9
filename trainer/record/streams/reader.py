"""Reading a stream: its segments as one series of records, without those that a later segment replaces."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from gradtop.trainer.record import bounds
from gradtop.trainer.record.files import Stamp, look
from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.streams.registry import ALL, REGISTRY, STEP, TIME, UNAVAILABLE, Column, without_parameter
from gradtop.trainer.record.streams.rollup import FAN
from gradtop.trainer.record.streams.segment import Places, Segment, UnknownSchema
from gradtop.trainer.record.streams.segment_writer import is_number, segment_number, segment_stem, split_stem
from gradtop.trainer.record.streams.series import EMPTY_SERIES, Envelope, Series, fill

Record: TypeAlias = Mapping[str, float]
_Key: TypeAlias = tuple[tuple[str, ...], int, float | None, float | None]  # columns, bins, first and last step
MOST_STREAMS = 64  # that anybody looks at; gradtop declares a dozen
KEPT = 32_768  # bins of curves that are kept up to date, about 10 MB
MINUTE = 60.0  # seconds after which a curve that nobody asks for is forgotten with the next new one
WINDOWS = 1024  # of them bins of the same columns in other windows: axes grow, and windows are panned
NEWEST = 2  # segments that may still grow


class _Curves:
    """Curves of columns from step `first` to step `last`, and the number of records of each segment that they include."""

    def __init__(self, envelope: Envelope, first: float | None, last: float | None, series: list[Series]) -> None:
        self.envelope, self.first, self.last, self.series = envelope, first, last, series
        self.taken: dict[int, int] = {}
        self.asked = 0.0


def list_streams(run: Run) -> list[str]:
    """The names of a run's streams, of all ranks, in alphabetical order; declared ones first if there are more than `MOST_STREAMS`."""
    found = sorted({stream for stream, _ in _stems(run)})
    return found if len(found) <= MOST_STREAMS else sorted(found, key=lambda name: name not in REGISTRY)


def list_ranks(run: Run, stream: str) -> list[int]:
    """The ranks that have written a stream, in order."""
    return sorted({rank for found, rank in _stems(run) if found == stream})


def _stems(run: Run) -> list[tuple[str, int]]:
    try:
        names = os.listdir(run.streams)
    except OSError:
        return []
    parts = [name.removesuffix(".json").rpartition(".") for name in names if name.endswith(".json")]
    return [split_stem(stem) for stem in {stem for stem, _, number in parts if stem.isprintable() and stem and is_number(number)}]


class StreamReader:
    """One stream of a run, as one rank wrote it. `refresh` reads what is new; all else returns what was read then. Invalid data raise nothing.

    `columns` are those of the newest segment, without `step` and `time`, with which each record begins.
    """

    def __init__(self, run: Run, stream: str, *, rank: int = 0) -> None:
        self.stream, self.rank = stream, rank
        self.stem = segment_stem(stream, rank)  # differs from rank to rank
        self.unreadable = ""
        self.columns: tuple[Column, ...] = ()
        self.count = 0
        self.extra: Mapping[str, object] = {}
        self._folder = run.streams
        self._stamp = Stamp()
        self._half_made = False
        self._refused: dict[int, str] = {}
        self._segments: dict[int, Segment] = {}  # in the order of their numbers
        self._curves: dict[_Key, _Curves] = {}

    def refresh(self) -> bool:
        """Whether there are new records; checks the folder and the newest segments."""
        try:
            found = look(self._folder)
        except FileNotFoundError:
            return False  # deleted: what was read stays
        except OSError as error:
            return self._complain(str(bounds.unreadable(self._folder, error.strerror or "error")))
        before = {number: segment.valid for number, segment in self._segments.items()}
        if self._stamp.moved(found) or self._half_made:
            self._look()
        for segment in list(self._segments.values())[-NEWEST:]:
            segment.refresh()
        complains = self._complain("; ".join(filter(None, (*self._refused.values(), *(segment.unreadable for segment in self._segments.values())))))
        after = {number: segment.valid for number, segment in self._segments.items()}
        if before == after and not complains:
            return False
        if any(after.get(number, 0) < records for number, records in before.items()):
            self._curves.clear()
        self.count = sum(after.values())
        return True

    def _complain(self, why: str) -> bool:
        """Whether something else cannot be read than before."""
        self._half_made |= why != ""  # its time stamp does not change when it can be read again
        before, self.unreadable = self.unreadable, why
        return before != why

    def _look(self) -> None:
        """Open new segments. Records of earlier segments are ignored from the first step of a later one on."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return
        numbers = {number for name in names if name.endswith(".json") and (number := segment_number(name, self.stem)) is not None}
        segments, refused, self._half_made = {}, {}, False
        for number in sorted(numbers):
            try:
                known = self._segments.get(number)
                segments[number] = known if known and known.is_same() else Segment(self._folder / f"{self.stem}.{number}")
            except UnknownSchema as error:
                refused[number] = str(error)
            except bounds.Unreadable as error:
                refused[number], self._half_made = str(error), True
            except ValueError:
                refused[number] = f"{self.stem}.{number}.json is not whole"
                self._half_made = True  # look again next time
        self._refused = refused
        if segments == self._segments:
            return
        if any(segments.get(number) is not segment for number, segment in self._segments.items()):
            self._curves.clear()
        self._segments = segments
        if not segments:
            return
        until = math.inf
        for segment in reversed(self._segments.values()):
            segment.refresh()
            segment.end_at(until)
            until = min(until, segment.first_step)
        newest = next(reversed(self._segments.values()))
        self.columns, self.extra = newest.columns[2:], newest.extra

    def unavailable(self, column: str) -> str:
        """Why a column (`ALL`: every column) is not measured, from the newest segment; "" if it is."""
        reasons = self.extra.get(UNAVAILABLE)
        found = (reasons.get(without_parameter(column)) or reasons.get(ALL)) if isinstance(reasons, dict) else None
        return found if isinstance(found, str) else ""

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments in order; the records of each below its `valid` are part of the stream."""
        return tuple(self._segments.values())

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[float, ...]]:
        """Records `start` to `stop`: step, time and the values of `columns`, nan for a column that an older segment lacks."""
        start, stop = max(start, 0), self.count if stop is None else min(stop, self.count)
        names = [STEP, TIME, *(column.name for column in self.columns)]
        for segment in list(self._segments.values()):
            if start < min(stop, segment.valid):
                rows = segment.rows(start, min(stop, segment.valid))
                if [column.name for column in segment.columns] == names:
                    yield from rows
                else:
                    places = [segment.places.get(name) for name in names]
                    for row in rows:
                        yield tuple([math.nan if place is None else row[place] for place in places])
            start, stop = max(start - segment.valid, 0), stop - segment.valid
            if stop <= 0:
                return

    def tail(self, n: int) -> list[Record]:
        names = [STEP, TIME, *(column.name for column in self.columns)]
        return [dict(zip(names, row, strict=True)) for row in self.rows(max(0, self.count - n))]

    def newest(self, column: str, n: int) -> list[float]:
        """The values of a column in the last `n` records; [] where there is no such column."""
        place = next((place for place, each in enumerate(self.columns, 2) if each.name == column), None)
        return [] if place is None else [row[place] for row in self.rows(max(0, self.count - n))]

    def last(self) -> Record | None:
        found = self.tail(1)
        return found[0] if found else None

    def last_finite(self, column: str) -> tuple[float, float] | None:
        """Step and value of the newest finite value of a column."""
        for segment in reversed(self._segments.values()):
            place = segment.places.get(column)
            if place is None:
                continue
            with segment.reading():
                stop = segment.valid
                while stop > 0:
                    start = max(0, (stop - 1) // FAN * FAN)
                    for row in reversed(list(segment.rows(start, stop))):
                        if math.isfinite(row[place]):
                            return row[0], row[place]
                    stop = self._skip_empty(segment, start, place)
        return None

    @staticmethod
    def _skip_empty(segment: Segment, stop: int, place: int) -> int:
        """The end of the newest 64 records before `stop` in which the column at `place` may have a finite value, by the rollup."""
        chunk = stop // FAN
        if place < 2 or chunk > segment.rolled(1):
            return stop
        while chunk > 0:
            begin = (chunk - 1) // FAN * FAN
            found = next(segment.chunks(1, begin, chunk, [place]), None)
            if found is None or (parts := found[2][0]) is None or len(parts[3]) != chunk - begin:
                return chunk * FAN
            for number in reversed(range(chunk - begin)):
                if parts[3][number]:
                    return (begin + number + 1) * FAN
            chunk = begin
        return 0

    def series(self, column: str, *, bins: int = 200, first: float | None = None, last: float | None = None) -> Series:
        """The column over steps in at most `bins` bins, from step `first` to step `last` (None: no limit).

        The result is kept: the next call with the same arguments reads only new records.
        """
        return self.series_of([column], bins=bins, first=first, last=last)[0]

    def series_of(
        self, columns: Sequence[str], *, bins: int = 200, first: float | None = None, last: float | None = None
    ) -> list[Series]:
        """As `series`, for several columns in one pass over the records."""
        key: _Key = (tuple(columns), bins, first, last)
        curves = self._curves.pop(key, None) or self._new_curves(columns, bins, first, last)
        if curves is None:
            return [EMPTY_SERIES] * len(columns)
        known, curves.asked = len(self._curves), time.monotonic()
        self._curves[key] = curves  # the last one asked for is the last one to be forgotten
        if not curves.taken:
            self._forget(key, known)
        changed = False
        for number, segment in self._segments.items():
            changed |= self._advance(curves, number, segment, [segment.places.get(name) for name in columns])
        if changed:
            curves.series = curves.envelope.series()
        return curves.series

    def _forget(self, new: _Key, known: int) -> None:
        """Remove the oldest of the `known` curves: windows of the columns of `new` beyond `WINDOWS`, and others while all exceed `KEPT` values."""
        before = list(self._curves)[:known]
        windows = [key for key in before if key[:2] == new[:2]]
        stale = set(windows[: -max(1, WINDOWS // (len(new[0]) * new[1]) - 1)])
        stale |= {key for key in before if self._curves[key].asked < self._curves[new].asked - MINUTE}
        surplus = sum(len(columns) * bins for columns, bins, _, _ in self._curves) - KEPT
        for key in [*stale, *(key for key in before if key not in stale)]:
            if surplus <= 0 and key not in stale:
                return
            del self._curves[key]
            surplus -= len(key[0]) * key[1]

    @staticmethod
    def _advance(curves: _Curves, number: int, segment: Segment, places: Places) -> bool:
        """Add new records of a segment; whether there were any."""
        start, stop = curves.taken.get(number, -1), segment.valid
        if start >= stop:
            return False
        first, last = curves.first, curves.last
        with segment.reading():
            if start < 0:
                start = 0 if first is None else segment.place_of(first)
            if start >= stop:  # what has been written so far lies before `first`
                return False
            curves.taken[number] = stop
            if last is not None:
                stop = segment.place_of(last, after=True)
            if start >= stop or all(place is None for place in places):
                return False
            fill(curves.envelope, segment, places, start, stop)
        return True

    def _new_curves(self, columns: Sequence[str], bins: int, first: float | None, last: float | None) -> _Curves | None:
        """Empty curves for these steps; None if there are no records yet."""
        ends = [
            row[0]
            for segment in self._segments.values()
            if segment.valid
            for row in (segment.row(0), segment.row(segment.valid - 1))
            if row is not None and math.isfinite(row[0])
        ]
        if not ends or bins < 1:
            return None
        low, high = min(ends) if first is None else first, max(ends) if last is None else last
        if not math.isfinite(high - low) or high < low:
            return None
        sparse = [any(name in s.places and s.columns[s.places[name]].sparse for s in self._segments.values()) for name in columns]
        width = max(1.0, (high - low + 1) / bins)
        envelope = Envelope(sparse, bins, origin=low, width=width, grows=last is None)
        return _Curves(envelope, first, last, [EMPTY_SERIES] * len(columns))
