"""Reading a stream: its segments as one series of records, without what a resumed process did anew."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from trainer.record.layout import Run
from trainer.record.segment import Segment, UnknownSchema
from trainer.record.series import EMPTY_SERIES, Envelope, Series, fill
from trainer.record.streams import Column

Record = Mapping[str, float]
KEPT = 64  # curves kept up to date


@dataclass
class _Curve:
    envelope: Envelope
    taken: dict[int, int] = field(default_factory=dict)  # segment number -> records added
    series: Series = EMPTY_SERIES


class StreamReader:
    """One stream of a run; `refresh` looks for what is new, everything else tells what was seen then. Never raises on bad data."""

    def __init__(self, run: Run, stream: str) -> None:
        self.stream = stream
        self.unreadable = ""
        self._folder = run.streams
        self._seen = -1
        self._segments: dict[int, Segment] = {}
        self._refused: dict[int, str] = {}
        self._curves: dict[tuple[str, int], _Curve] = {}

    def refresh(self) -> bool:
        """Whether there is anything new."""
        grown = False
        try:
            modified = os.stat(self._folder).st_mtime_ns
        except OSError:
            return False  # deleted: what was read stays readable
        if modified != self._seen:
            self._seen = modified
            grown = self._look()
        for number in sorted(self._segments)[-2:]:
            grown |= self._segments[number].refresh()
        return grown

    def _look(self) -> bool:
        try:
            names = os.listdir(self._folder)
        except OSError:
            return False
        new = []
        for name in names:
            stem, _, ending = name.rpartition(".")
            stream, _, number = stem.rpartition(".")
            if ending == "json" and stream == self.stream and number.isdecimal() and int(number) not in self._segments:
                new.append(int(number))
        changed = False
        for number in sorted(new):
            try:
                self._segments[number] = Segment(self._folder / f"{self.stream}.{number}")
                changed = True
            except UnknownSchema as error:
                self._refused[number] = str(error)
            except (OSError, ValueError):
                self._seen = -1  # half-made: look again next time
        self.unreadable = "; ".join(self._refused.values())
        if changed:
            self._take_over()
        return changed

    def _take_over(self) -> None:
        """A later segment begins at its first step: earlier ones end there."""
        step, cut = math.inf, False
        for number in sorted(self._segments, reverse=True):
            segment = self._segments[number]
            segment.refresh()
            if step < math.inf:
                cut |= segment.cut(step)
            step = min(step, segment.first_step)
        if cut:
            self._curves.clear()

    @property
    def segments(self) -> list[Segment]:
        return [self._segments[number] for number in sorted(self._segments)]

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.segments[-1].columns if self._segments else ()

    @property
    def extra(self) -> Mapping[str, object]:
        return self.segments[-1].extra if self._segments else {}

    @property
    def count(self) -> int:
        return sum(segment.valid for segment in self._segments.values())

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[float, ...]]:
        """Records by number, in the columns of the newest segment, nan where an older one has none."""
        stop = self.count if stop is None else min(stop, self.count)
        columns = self.columns
        for segment in self.segments:
            if start < stop and start < segment.valid:
                rows = segment.rows(max(start, 0), min(stop, segment.valid))
                if segment.columns == columns:
                    yield from rows
                else:
                    places = [segment.places.get(column.name) for column in columns]
                    for row in rows:
                        yield tuple(math.nan if place is None else row[place] for place in places)
            start, stop = start - segment.valid, stop - segment.valid
            start = max(start, 0)
            if stop <= 0:
                return

    def tail(self, n: int) -> list[Record]:
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows(max(0, self.count - n))]

    def last(self) -> Record | None:
        found = self.tail(1)
        return found[0] if found else None

    def last_finite(self, column: str) -> tuple[float, float] | None:
        """Step and value of the newest finite value of a column, looked for in the newest 4096 records of each segment."""
        for segment in reversed(self.segments):
            place = segment.places.get(column)
            if place is None:
                continue
            stop = segment.valid
            for size in (16, 256, 4096):
                rows = list(segment.rows(max(0, stop - size), stop))
                for row in reversed(rows):
                    if math.isfinite(row[place]):
                        return row[0], row[place]
        return None

    def series(self, column: str, *, bins: int = 200, first: float | None = None, last: float | None = None) -> Series:
        """The column over steps in at most `bins` bins; over the whole stream only new records are looked at."""
        if not self._segments or not any(column in segment.places for segment in self._segments.values()):
            return EMPTY_SERIES
        if first is not None or last is not None:
            low, high = self._range()
            low, high = max(low, low if first is None else first), min(high, high if last is None else last)
            curve = _Curve(self._envelope(column, bins, low, high))
            self._advance(curve, column, low, high)
            return curve.series
        curve = self._curves.get((column, bins)) or self._new_curve(column, bins)
        self._advance(curve, column, -math.inf, math.inf)
        return curve.series

    def _new_curve(self, column: str, bins: int) -> _Curve:
        if len(self._curves) >= KEPT:
            del self._curves[next(iter(self._curves))]
        low, high = self._range()
        curve = self._curves[column, bins] = _Curve(self._envelope(column, bins, low, high))
        return curve

    def _envelope(self, column: str, bins: int, low: float, high: float) -> Envelope:
        sparse = any(s.columns[s.places[column]].sparse for s in self.segments if column in s.places)
        span, width = high - low + 1, 1.0
        while math.isfinite(span) and span > width * bins:
            width *= 2
        return Envelope(bins, origin=low if math.isfinite(low) else 0.0, width=width, sparse=sparse)

    def _range(self) -> tuple[float, float]:
        """First and last step of what is valid."""
        ends = [row[0] for s in self.segments if s.valid for row in (s.row(0), s.row(s.valid - 1)) if row is not None]
        return (min(ends), max(ends)) if ends else (0.0, 0.0)

    def _advance(self, curve: _Curve, column: str, first: float, last: float) -> None:
        changed = False
        for number in sorted(self._segments):
            segment = self._segments[number]
            start, stop = curve.taken.get(number, 0), segment.valid
            if start < stop:
                curve.taken[number] = stop
                place = segment.places.get(column)
                if place is not None:
                    fill(curve.envelope, segment, place, start, stop, first, last)
                    changed = True
        if changed:
            curve.series = curve.envelope.series()
