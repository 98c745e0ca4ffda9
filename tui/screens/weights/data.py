"""What the weights mode shows: the newest histogram of one parameter, a few earlier ones, and how it moved."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import EventKind, RunReader, StreamReader, clean
from gradtop.trainer.record.bounds import WHOLE, sizes_of
from gradtop.trainer.record.streams.registry import (
    ALL,
    COUNT,
    HIGH,
    HISTOGRAMS,
    LAYERS,
    LOW,
    MAX,
    MEAN,
    MIN,
    NONFINITE,
    PARAMETER,
    PICTURES,
    STD,
    ZEROS,
    bins,
    columns_of,
    count_bins,
)
from gradtop.tui.screens.weights.pictures import PicturePart, recorded_picture
from gradtop.tui.widgets.axis import multiples, step_for

if TYPE_CHECKING:
    from gradtop.trainer.record.pictures import Wanted
    from gradtop.trainer.record.streams.segment import Segment
    from gradtop.tui.reading.poll import ReadContext

RIDGES = 6  # earlier histograms at most this many intervals apart
LOOK = 4 << 20  # bytes of records that one search reads
BLOCK = 1 << 18
KEPT = 512
FIGURES = tuple(column.name for column in columns_of(HISTOGRAMS) if column.name != NONFINITE)  # which earlier runs do not have


class ListedParameter(NamedTuple):
    """`name` as the run has it; `shown` is the same, safe to draw; `shape` is () where it is not known."""

    name: str
    shown: str
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Histogram:
    """One measurement of one parameter: equal `bins` from `low` to `high`; `zeros` is a share of `count`.

    All but these and `nonfinite` is of the finite weights. `bins` is empty where there is none, or a bin is not finite.
    """

    step: float
    time: float
    low: float
    high: float
    mean: float
    std: float
    min: float
    max: float
    zeros: float
    count: float
    bins: tuple[float, ...] = ()
    nonfinite: float = 0.0


class WeightsView(NamedTuple):
    """The parameter that was chosen; "" is the first one. And the picture of it that is shown in place of its histogram."""

    parameter: str = ""
    picture: Wanted | None = None


class WeightsPart(NamedTuple):
    """`earlier` from the first on, without `now`; `now` is None where the parameter was not measured yet.

    `measured` is whether the run is to measure; `unavailable` says why the worker cannot. `averaged` is whether there is an EMA of the
    weights, whose score counts.
    """

    parameters: tuple[ListedParameter, ...] = ()
    chosen: str = ""
    now: Histogram | None = None
    earlier: tuple[Histogram, ...] = ()
    measured: bool = True
    unavailable: str = ""
    unreadable: str = ""
    picture: PicturePart | None = None
    averaged: bool = False


def read_weights(source: ReadContext, view: WeightsView) -> WeightsPart:
    reader = source.run
    if reader is None:
        return WeightsPart()
    layers, stream = reader.stream(LAYERS), reader.stream(HISTOGRAMS)
    if not layers.extra:
        layers.refresh()
    found = parameters(stream.extra.get("parameters"), layers.extra.get("parameters"))
    names = [parameter.name for parameter in found]
    chosen = view.parameter if view.parameter in names else names[0] if names else ""
    measured, unavailable = monitored(reader.config), clean(stream.unavailable(ALL), 300)
    if not chosen:
        return WeightsPart(measured=measured, unavailable=unavailable, unreadable=stream.unreadable)
    search = _searches.get(stream)
    if search is None:
        search = _searches[stream] = Search(stream)
    search.set_ends(reader)
    now = search.newest(chosen)
    earlier = search.earlier(chosen, now) if now is not None else ()
    picture = None
    if view.picture is not None and view.picture.parameter == chosen:
        sizes = next(each.shape for each in found if each.name == chosen)
        picture = recorded_picture(reader, view.picture, sizes, reader.stream(PICTURES), measuring=measured)
    return WeightsPart(found, chosen, now, earlier, measured, unavailable, stream.unreadable, picture, averages(reader.config))


def monitored(config: Mapping[str, object]) -> bool:
    monitor = config.get("monitor")
    return not (isinstance(monitor, Mapping) and monitor.get("enabled") is False)


def averages(config: Mapping[str, object]) -> bool:
    """Whether the run has an EMA of its weights."""
    training = config.get("training")
    decay = training.get("ema") if isinstance(training, Mapping) else None
    return isinstance(decay, int | float) and decay > 0


def parameters(names: object, table: object) -> tuple[ListedParameter, ...]:
    """The parameters in the order of the model; their shapes from the table that the `layers` stream carries."""
    rows = [row for row in table if isinstance(row, Mapping)] if isinstance(table, list) else []
    shapes = {row.get("name"): row.get("shape") for row in rows if isinstance(row.get("name"), str)}
    known = [name for name in names if isinstance(name, str)] if isinstance(names, list) else list(shapes)
    return tuple(ListedParameter(name, clean(name, 300), sizes_of(shapes.get(name))) for name in dict.fromkeys(known) if name)


class Search:
    """Finds a parameter's records in a stream without an index: they rise in step, and sets of all parameters stand together.

    Each search reads at most 4 MiB; where that is not enough (another parameter was looked at for hours) it tries the ends
    of epochs, at which all parameters are measured. What was found is kept, so that a tick costs what is new.
    """

    def __init__(self, stream: StreamReader) -> None:
        self._stream = stream
        self._segments: tuple[Segment, ...] = ()
        self._ends: list[float] = []
        self._newest: dict[str, tuple[tuple[int, ...], Histogram | None]] = {}
        self._found: dict[tuple[str, float], Histogram | None] = {}

    def set_ends(self, reader: RunReader) -> None:
        """The steps at which epochs ended, as far as events tell."""
        steps = (event.get("step") for event in reader.events if event.get("kind") == EventKind.EPOCH)
        self._ends = sorted({float(step) for step in steps if isinstance(step, int | float) and math.isfinite(step)})

    def newest(self, name: str) -> Histogram | None:
        segments = self._stream.segments
        if segments != self._segments:
            self._segments = segments
            self._newest.clear()
            self._found.clear()
        counts = tuple(segment.valid for segment in segments)
        seen, old = self._newest.get(name, ((0,) * len(counts), None))
        if any(now < then for now, then in zip(counts, seen, strict=True)):
            seen, old = (0,) * len(counts), None
        found = next((h for segment, then in zip(reversed(segments), reversed(seen), strict=True) if (h := last_in(segment, name, then))), None)
        if found is None and name not in self._newest:
            found = next((h for end in reversed(self._ends[-8:]) if (h := self._after(name, end))), None) or self._after(name, -math.inf)
        self._newest[name] = (counts, found or old)
        return found or old

    def earlier(self, name: str, now: Histogram) -> tuple[Histogram, ...]:
        """The first one and some between it and `now`, at round steps: they stay the same while the run goes on."""
        first = self._at(name, -math.inf)
        if first is None or not first.step < now.step:
            return ()
        every = step_for(now.step - first.step, RIDGES)
        steps = [step for step in multiples(first.step, now.step, every) if first.step < step <= now.step - every / 2]
        found = {h.step: h for h in (first, *(self._at(name, step) for step in steps)) if h is not None and h.step < now.step}
        return tuple(found[step] for step in sorted(found))

    def _at(self, name: str, step: float) -> Histogram | None:
        """The first record from a step on; records are only appended, so what was found once stays true."""
        key = (name, step)
        if key not in self._found:
            if len(self._found) >= KEPT:
                self._found.clear()
            self._found[key] = self._after(name, step)
        return self._found[key]

    def _after(self, name: str, step: float) -> Histogram | None:
        for segment in self._segments:
            found = first_in(segment, name, step)
            if found is None and segment.valid:
                ends = self._ends[bisect_left(self._ends, step) :][:1]
                found = next((h for end in ends if (h := first_in(segment, name, end))), None)
            if found is not None:
                return found
        return None


_searches: WeakKeyDictionary[StreamReader, Search] = WeakKeyDictionary()


def first_in(segment: Segment, name: str, step: float) -> Histogram | None:
    """The first record of a parameter from a step on, within 4 MiB of it."""
    index = index_in(segment, name)
    if index is None:
        return None
    with segment.reading():
        start = 0 if step == -math.inf else segment.place_of(step)
        stop = min(segment.valid, start + LOOK // segment.size)
        for first, numbers in blocks(segment, start, stop):
            if index in numbers:
                return histogram_at(segment, first + numbers.index(index))
    return None


def last_in(segment: Segment, name: str, start: int) -> Histogram | None:
    """The newest record of a parameter from record `start` on, within 4 MiB of the end."""
    index = index_in(segment, name)
    if index is None:
        return None
    most = max(1, BLOCK // segment.size)
    with segment.reading():
        stop, least = segment.valid, max(start, segment.valid - LOOK // segment.size)
        while stop > least:
            first = max(least, stop - most)
            for begin, numbers in reversed(list(blocks(segment, first, stop))):
                if index in numbers:
                    place = len(numbers) - 1 - numbers[::-1].index(index)
                    return histogram_at(segment, begin + place)
            stop = first
    return None


def blocks(segment: Segment, start: int, stop: int) -> Iterator[tuple[int, list[float]]]:
    """Which parameters records start to stop are of, some at a time, each with the number of its first record."""
    for steps, (numbers,) in segment.by_column(start, stop, [segment.places[PARAMETER]]):
        yield start, numbers or []
        start += len(steps)


def index_in(segment: Segment, name: str) -> float | None:
    """What stands for a parameter in a segment's records; None where it has none of it, or is no stream of histograms."""
    names = segment.extra.get("parameters")
    if not isinstance(names, list) or name not in names or any(column not in segment.places for column in FIGURES):
        return None
    return float(names.index(name))


def histogram_at(segment: Segment, number: int) -> Histogram | None:
    row = segment.row(number)
    if row is None:
        return None
    places = segment.places
    counts = bins_of(segment, row)
    low, high = row[places[LOW]], row[places[HIGH]]
    sound = counts and 0 <= high - low < math.inf and all(0 <= each <= WHOLE for each in counts)
    mean, std, least, most, zeros, count = (row[places[column]] for column in (MEAN, STD, MIN, MAX, ZEROS, COUNT))
    nonfinite = row[places[NONFINITE]] if NONFINITE in places else 0.0
    return Histogram(row[0], row[1], low, high, mean, std, least, most, zeros, count, counts if sound else (), nonfinite)


def bins_of(segment: Segment, row: Sequence[float]) -> tuple[float, ...]:
    return tuple(row[segment.places[name]] for name in bins(count_bins(segment.places)))


# What is drawn


def span(histograms: Sequence[Histogram]) -> tuple[float, float] | None:
    """The range that holds them all; None where none has one."""
    ranges = [(h.low, h.high) for h in histograms if h.bins]
    return (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else None


def movement(first: Histogram, now: Histogram) -> tuple[tuple[str, str, str], ...]:
    """How mean and deviation moved: (what, in figures, in words)."""
    from gradtop.trainer.analysis.formatting import significant

    spread = max(first.std, now.std)
    shift = (now.mean - first.mean) / spread if spread > 0 and math.isfinite(spread) else math.nan
    if not math.isfinite(shift):
        where = "unchanged" if now.mean == first.mean else ""
    elif abs(shift) < 0.01:
        where = "unchanged"
    else:
        where = f"moved {'up' if shift > 0 else 'down'} by {significant(abs(shift), 2)} std"
    ratio = now.std / first.std if first.std > 0 else math.nan
    if not math.isfinite(ratio):
        width = "unchanged" if now.std == first.std else ""
    elif abs(ratio - 1) < 0.01:
        width = "unchanged"
    else:
        width = f"{significant(ratio)} × as wide"
    return (
        ("mean", f"{significant(first.mean)} → {significant(now.mean)}", where),
        ("std", f"{significant(first.std)} → {significant(now.std)}", width),
    )
