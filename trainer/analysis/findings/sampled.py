"""A stream with columns for each parameter, or module, in so few records that reading it costs little: the first, some from each part of the run, and the newest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from statistics import median
from weakref import WeakKeyDictionary

from gradtop.trainer.analysis.gradient_health import TREND, GradientHealth, Measured, assess_gradients, window
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import StreamReader
from gradtop.trainer.record.bounds import sizes_of
from gradtop.trainer.record.streams.registry import GRAD_NORM, MODULES, UPDATE_RATIO, of_parameter, parameter_of

FIRST, SPREAD, LAST = 4, 24, 32  # records
ENOUGH = 3  # measurements of an update:weight ratio
MOST = 1_000_000  # values that are read: of a very large model there are fewer records


class Track(NamedTuple):
    """One column of one parameter: steps and values where it was measured, in order."""

    steps: Sequence[float] = ()
    values: Sequence[float] = ()

    @property
    def finite(self) -> list[float]:
        return [value for value in self.values if math.isfinite(value)]

    def since(self, step: float) -> list[float]:
        """The finite values from a step on."""
        return [value for at, value in zip(self.steps, self.values, strict=True) if at >= step and math.isfinite(value)]


class ParameterSamples(NamedTuple):
    name: str
    sizes: tuple[int, ...] = ()
    trainable: bool = True

    @property
    def is_matrix(self) -> bool:
        return sum(1 for size in self.sizes if size > 1) >= 2


class Sampled:
    """`records` is how many there are in the stream."""

    def __init__(self, stream: StreamReader) -> None:
        self.records = stream.count
        self.extra = stream.extra
        self._columns: dict[str, Track] = {}
        self._sparse = {column.name: column.sparse for column in stream.columns}
        self._parts = list(self._read(stream))

    def _read(self, stream: StreamReader) -> Iterator[tuple[Mapping[str, int], list[tuple[float, ...]]]]:
        """Of each segment where its columns are, and the records that are looked at."""
        width = len(stream.columns) + 2
        room = max(8, MOST // width)
        spread, last = min(SPREAD, room // 3), min(LAST, room // 2)
        wanted = {*range(min(FIRST, self.records)), *range(max(0, self.records - last), self.records)}
        wanted |= {self.records * part // spread for part in range(spread)} if self.records else set()
        start = 0
        for segment in stream.segments:
            numbers = sorted(number - start for number in wanted if start <= number < start + segment.valid)
            with segment.reading():
                rows = [row for number in numbers if (row := segment.row(number)) is not None]
            yield segment.places, rows
            start += segment.valid

    def track(self, column: str) -> Track:
        found = self._columns.get(column)
        if found is None:
            steps, values = [], []
            for places, rows in self._parts:
                place = places.get(column)
                if place is None:
                    continue  # a parameter that was frozen then has no norm, not a bad one
                for row in rows:
                    if row[place] == row[place] or not self._sparse.get(column):
                        steps.append(row[0])
                        values.append(row[place])
            found = self._columns[column] = Track(steps, values)
        return found

    @property
    def last_step(self) -> float:
        """0 before the first record."""
        return max((rows[-1][0] for _, rows in self._parts if rows), default=0.0)

    @property
    def first_step(self) -> float:
        return min((rows[0][0] for _, rows in self._parts if rows), default=0.0)

    @cached_property
    def parameters(self) -> Sequence[ParameterSamples]:
        """In the order of the model, tied ones once, as the newest segment tells them."""
        rows = self.extra.get("parameters")
        return [
            ParameterSamples(row["name"], sizes_of(row.get("shape")), row.get("trainable") is not False)
            for row in (rows if isinstance(rows, list) else [])
            if isinstance(row, dict) and isinstance(row.get("name"), str) and not row.get("tied_to")
        ]

    @cached_property
    def healths(self) -> Mapping[str, GradientHealth]:
        """What the Gradients mode says of each parameter, from the records that are looked at here."""
        measured = []
        for parameter in self.parameters:
            values = self.track(of_parameter(GRAD_NORM, parameter.name)).values
            recent = values[-TREND:]
            measured.append(Measured(parameter.name, parameter.sizes, recent, values[: len(values) - window(len(recent))], trainable=parameter.trainable))
        return assess_gradients(measured)

    @cached_property
    def late_ratios(self) -> Mapping[str, float]:
        """Of each matrix the median of update:weight over the second half of the steps, where it was measured at least three times there.

        Vectors often begin at zero: their ratio says nothing.
        """
        middle, found = (self.first_step + self.last_step) / 2, {}
        for parameter in self.parameters:
            if parameter.is_matrix and parameter.trainable:
                values = self.track(of_parameter(UPDATE_RATIO, parameter.name)).since(middle)
                if len(values) >= ENOUGH:
                    found[parameter.name] = median(values)
        return found

    @property
    def late_ratio(self) -> float:
        """The median over the matrices; nan where it was not measured."""
        return median(self.late_ratios.values()) if self.late_ratios else math.nan

    @cached_property
    def weighted(self) -> Sequence[str]:
        """Modules that have weights of their own, in the order of execution: linear and convolutional layers, no norms."""
        rows = self.extra.get(MODULES)
        kinds = [(row["name"], row.get("kind")) for row in rows if isinstance(row, dict) and isinstance(row.get("name"), str)] if isinstance(rows, list) else []
        return [name for name, kind in kinds if isinstance(kind, str) and kind.startswith(("Linear", "Conv"))]

    @property
    def last_kind(self) -> str:
        """The class of the module that runs last, of those that have weights or are a nonlinearity; "" where it is not known."""
        rows = self.extra.get(MODULES)
        last = rows[-1] if isinstance(rows, list) and rows else None
        kind = last.get("kind") if isinstance(last, dict) else None
        return kind if isinstance(kind, str) else ""

    def names(self, column: str) -> list[str]:
        """Of whom a column is recorded, in the order of the stream."""
        return [name for each in self._sparse if (name := parameter_of(column, each)) is not None]


def sampled(stream: StreamReader) -> Sampled:
    """Read anew only when there are records."""
    known = _kept.get(stream)
    if known is None or known.records != stream.count or known.extra is not stream.extra:
        known = _kept[stream] = Sampled(stream)
    return known


_kept: WeakKeyDictionary[StreamReader, Sampled] = WeakKeyDictionary()
