"""What a run has recorded, as metrics with names: every column of every stream that is drawn over steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from gradtop.trainer.record import Column, RunReader, Series, StreamReader, clean
from gradtop.trainer.record.streams.registry import EVALS, REGISTRY, shown_by
from gradtop.tui.reading.chart_view import ChartView

LONGEST, LONGEST_UNIT = 200, 20  # characters


@dataclass(frozen=True, slots=True)
class RecordedMetric:
    """One column of one stream; `unit` is "" where the value is a plain number."""

    name: str
    stream: StreamReader
    column: str
    unit: str

    @property
    def title(self) -> str:
        return f"{self.name} [{self.unit}]" if self.unit else self.name


@dataclass(frozen=True, slots=True)
class MetricCurve:
    """A metric in the window that is seen, and its newest finite value; `unavailable` says why it is not measured. `baseline` is that of a constant prediction, where it is known."""

    name: str
    unit: str
    series: Series
    last: float | None
    unavailable: str = ""
    baseline: float | None = None


_known: WeakKeyDictionary[RunReader, tuple[Sequence[tuple[StreamReader, tuple[Column, ...]]], dict[str, RecordedMetric]]] = WeakKeyDictionary()


def all_metrics(reader: RunReader, streams: Sequence[str] = ()) -> Mapping[str, RecordedMetric]:
    """What the run has recorded, by name, in some streams or in all: made anew only where a stream has other columns."""
    there = []
    for name in streams or shown_by("plot"):
        for stream in reader.ranks(name):
            stream.refresh()
            if stream.count:
                there.append((stream, stream.columns))
    known = _known.get(reader)
    if known is None or len(known[0]) != len(there) or any(a[1] is not b[1] for a, b in zip(known[0], there, strict=True)):
        known = _known[reader] = (there, {metric.name: metric for stream, columns in there for metric in _of_stream(stream, columns)})
    return known[1]


def measured(metrics: Mapping[str, RecordedMetric]) -> list[str]:
    """The names of those that have a value, without those of single parameters: a stream has columns that a run may never fill."""
    return [name for name, metric in metrics.items() if "/" not in name and any(metric.stream.series(metric.column, bins=1).finite)]


def _of_stream(stream: StreamReader, columns: Sequence[Column]) -> Iterable[RecordedMetric]:
    other = REGISTRY[stream.stream].metrics or {}
    for column in columns:
        if name := clean(other.get(column.name, column.name), LONGEST):
            name += f"@{stream.rank}" if stream.rank else ""
            yield RecordedMetric(name, stream, column.name, clean(column.unit, LONGEST_UNIT))


def matching(names: Iterable[str], typed: str) -> list[str]:
    """The names that fit what was typed, the best first; all in their order where nothing was typed."""
    if not typed:
        return list(names)
    found = [(score, number, name) for number, name in enumerate(names) if (score := fit(typed.lower(), name.lower())) is not None]
    return [name for _score, _number, name in sorted(found)]


def fit(typed: str, name: str) -> tuple[int, int] | None:
    """How badly a name fits: all words of it, by where they stand; else its letters in their order, by how far apart. None where not."""
    words = typed.split()
    places = [name.find(word) for word in words]
    if words and min(places) >= 0:
        return 0, sum(places)
    place, apart = -1, 0
    for letter in typed.replace(" ", ""):
        found = name.find(letter, place + 1)
        if found < 0:
            return None
        apart += found - place - 1 if place >= 0 else 0
        place = found
    return 1, apart


def curve_of(metric: RecordedMetric, view: ChartView, end: float, bins: int, baselines: Mapping[str, object]) -> MetricCurve:
    """The curve from the first step to `end`, or in the window of the view; `baselines` are those of the newest evaluation."""
    first, last = (0.0, end) if view.window is None else (view.window.first, view.window.last)
    series = metric.stream.series(metric.column, bins=bins, first=first, last=last)
    newest = metric.stream.last_finite(metric.column) if any(series.finite) else None  # else all of the stream would be searched
    known = baselines.get(metric.column) if metric.stream.stream == EVALS else None
    baseline = float(known) if isinstance(known, int | float) and newest is not None else None
    return MetricCurve(metric.name, metric.unit, series, newest[1] if newest is not None else None, clean(metric.stream.unavailable(metric.column), LONGEST), baseline)
