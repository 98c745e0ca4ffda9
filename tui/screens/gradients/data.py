"""What the gradients mode shows: each parameter's gradient norm now and over time, and its health."""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from gradtop.trainer.analysis.gradient_health import TREND, GradientHealth, Measured, assess_gradients, trend, window
from gradtop.trainer.analysis.marks import Mark, event_marks
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import EMPTY_SERIES, RunReader, Series, StreamReader, clean
from gradtop.trainer.record.streams.registry import (
    ALL,
    GRAD_NORM,
    LAYERS,
    UPDATE_RATIO,
    WEIGHT_NORM,
    of_parameter,
    parameter_of,
)
from gradtop.tui.reading.chart_view import NO_CLOCK, WHOLE_RUN, ChartView, Clock, clock_of
from gradtop.tui.reading.model import LONGEST, Model, Node, model_of
from gradtop.tui.screens.overview.data import axis_end, newest

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext

BINS = 32  # of the small pictures
LARGE_BINS = 360
SHARE = 0.1  # of the time, for reading
SORTS = ("trouble", "depth", "norm", "update:weight")


class GradientsView(NamedTuple):
    """The parameter whose chart is open ("" for none), and what is seen of it."""

    chart: str = ""
    seen: ChartView = WHOLE_RUN


@dataclass(frozen=True, slots=True)
class GradientRow:
    """One parameter; `now` and `ratio` are None until measured. `shown` is its name, safe to draw."""

    name: str
    shown: str
    shape: str
    count: int
    now: float | None
    over_time: Series
    trend: tuple[str, str]
    ratio: float | None
    health: GradientHealth
    is_vector: bool = False


class ParameterCurves(NamedTuple):
    """One parameter over all steps; `end` is the right end of the axis."""

    name: str = ""
    norm: Series = EMPTY_SERIES
    weight: Series = EMPTY_SERIES
    ratio: Series = EMPTY_SERIES
    end: float = 1.0
    marks: tuple[Mark, ...] = ()
    clock: Clock = NO_CLOCK


class GradientsPart(NamedTuple):
    """`rows` in the order of the model; `step` is the last one measured, None before the first; `end` the right end of the axis of
    steps; `unmeasured` what the worker cannot measure, and why.
    """

    rows: tuple[GradientRow, ...] = ()
    step: float | None = None
    end: float = 1.0
    curves: ParameterCurves = ParameterCurves()
    unreadable: str = ""
    unmeasured: str = ""


class Kept(NamedTuple):
    """What was read last, of how many records and for which view, and until when that is new enough."""

    part: GradientsPart
    view: GradientsView
    records: int
    until: float


_kept: WeakKeyDictionary[StreamReader, Kept] = WeakKeyDictionary()


def read_gradients(source: ReadContext, view: GradientsView) -> GradientsPart:
    """The rows, read anew when there are records; those of a very large model so seldom that it costs little."""
    reader = source.run
    if reader is None:
        return GradientsPart()
    layers = reader.stream(LAYERS)
    began = time.monotonic()
    kept = _kept.get(layers)
    if kept is not None and kept.view == view and kept.part.unmeasured == unmeasured(layers) and (kept.records == layers.count or (source.facts.alive and began < kept.until)):
        return kept.part
    part = _read(reader, layers, view)
    ended = time.monotonic()
    _kept[layers] = Kept(part, view, layers.count, ended + (ended - began) / SHARE)
    return part


def _read(reader: RunReader, layers: StreamReader, view: GradientsView) -> GradientsPart:
    names = [name for column in layers.columns if (name := parameter_of(GRAD_NORM, column.name)) is not None]
    model = model_of(layers)
    nodes = [model.nodes[name] if name in model.nodes else stranger(name) for name in merged(model, names)]
    tail = list(layers.rows(layers.count - TREND))
    curves = ParameterCurves()
    end = axis_end(max(reader.status.step, newest(reader), tail[-1][0] if tail else 0.0), reader.status.steps)
    if view.chart:
        wanted = [of_parameter(column, view.chart) for column in (GRAD_NORM, WEIGHT_NORM, UPDATE_RATIO)]
        first, last = (0.0, end) if view.seen.window is None else (view.seen.window.first, view.seen.window.last)
        norm, weight, ratio = layers.series_of(wanted, bins=LARGE_BINS, first=first, last=last)
        curves = ParameterCurves(view.chart, norm, weight, ratio, end, event_marks(reader.rare), clock_of(reader, view.seen))
    return GradientsPart(tuple(rows_of(nodes, layers, tail)), tail[-1][0] if tail else None, end, curves, layers.unreadable, unmeasured(layers))


def unmeasured(layers: StreamReader) -> str:
    if reason := layers.unavailable(ALL):
        return clean(f"no longer measured: {reason}", 300)
    return clean(f"update:weight is not measured: {reason}", 300) if (reason := layers.unavailable(UPDATE_RATIO)) else ""


def merged(model: Model, measured: Sequence[str]) -> list[str]:
    """The parameters in the order of the model, a tied one once, and those that are measured but not in its table."""
    own = [name for name in model.parameters if not model.nodes[name].tied_to]
    known = set(model.parameters)
    return own + [name for name in measured if name not in known]


def stranger(name: str) -> Node:
    """A parameter of which only its name is known."""
    return Node(name, "", 0, "", clean(name, LONGEST), count=1, trainable=1)


def rows_of(
    nodes: Sequence[Node], layers: StreamReader, tail: Sequence[tuple[float, ...]]
) -> Iterable[GradientRow]:
    """The rows, from curves over all steps and the last records."""
    recent = Recent(layers, tail)
    over_time = layers.series_of([of_parameter(GRAD_NORM, node.key) for node in nodes], bins=BINS)
    ratios = layers.series_of([of_parameter(UPDATE_RATIO, node.key) for node in nodes], bins=BINS)
    measured = []
    for node, series in zip(nodes, over_time, strict=True):
        steps, norms = recent.of(of_parameter(GRAD_NORM, node.key))
        begin = steps[-window(len(norms))] if norms else math.inf
        # The bins that ended before the window; they are few, and in the order of steps.
        earlier = series.mean[: bisect_left(series.x_last, begin)]
        measured.append(Measured(node.key, node.sizes, norms, earlier, trainable=node.trainable > 0 or not node.count))
    healths = assess_gradients(measured)
    for node, each, series, ratio in zip(nodes, measured, over_time, ratios, strict=True):
        last = recent.last(of_parameter(UPDATE_RATIO, node.key))
        yield GradientRow(
            name=node.key,
            shown=node.path,
            shape=node.shape,
            count=node.count,
            now=each.recent[-1] if each.recent else None,
            over_time=series,
            trend=trend(each.recent),
            ratio=last if last is not None else next((mean for mean in reversed(ratio.mean) if mean == mean), None),
            health=healths[node.key],
            is_vector=each.is_vector,
        )


class Recent:
    """The last records of a stream, by column; in a sparse one nan means that it was not measured."""

    def __init__(self, layers: StreamReader, tail: Sequence[tuple[float, ...]]) -> None:
        self._places = {column.name: place for place, column in enumerate(layers.columns, 2)}
        self._sparse = {column.name for column in layers.columns if column.sparse}
        self._columns = list(zip(*tail, strict=True))
        self._segments = layers.segments

    def of(self, name: str) -> tuple[Sequence[float], Sequence[float]]:
        """Steps and values."""
        place = self._places.get(name)
        if place is None or not self._columns:
            return (), ()
        steps, values = self._there(name, self._columns[0], self._columns[place])
        if name not in self._sparse or all(value == value for value in values):
            return steps, values
        known = [index for index, value in enumerate(values) if value == value]
        return [steps[index] for index in known], [values[index] for index in known]

    def _there(self, name: str, steps: Sequence[float], values: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
        """Without what was recorded while there was no such column: a parameter that was frozen has no norm, not a bad one."""
        ends = [*(segment.first_step for segment in self._segments[1:]), math.inf]
        without = [(s.first_step, end) for s, end in zip(self._segments, ends, strict=True) if name not in s.places]
        if not without:
            return steps, values
        kept = [index for index, step in enumerate(steps) if not any(first <= step < end for first, end in without)]
        return [steps[index] for index in kept], [values[index] for index in kept]

    def last(self, name: str) -> float | None:
        """The newest value that is a number."""
        place = self._places.get(name)
        values = self._columns[place] if place is not None and self._columns else ()
        return next((value for value in reversed(values) if value == value), None)


def ordered(rows: Sequence[GradientRow], sort: str, wanted: str = "", *, reverse: bool = False) -> list[GradientRow]:
    """The rows whose name or state has every word that is wanted: the worst or the largest first, or in the order of the model; `reverse` the other way round."""
    words = wanted.lower().split()
    found = [row for row in rows if all(word in f"{row.shown} {row.health.state}".lower() for word in words)]
    if sort == "trouble":
        found.sort(key=lambda row: row.health.rank)
    elif sort != "depth":
        pairs = [(row.now if sort == "norm" else row.ratio, row) for row in found]
        measured = [(figure, row) for figure, row in pairs if figure is not None and figure == figure]
        measured.sort(key=lambda pair: pair[0], reverse=not reverse)
        return [*(row for _figure, row in measured), *(row for figure, row in pairs if figure is None or figure != figure)]
    return found[::-1] if reverse else found


def counts(rows: Iterable[GradientRow]) -> list[tuple[GradientHealth, int]]:
    """How many parameters have each state, the worst first."""
    found: dict[str, list[GradientHealth]] = {}
    for row in rows:
        found.setdefault(row.health.state, []).append(row.health)
    return sorted(((each[0], len(each)) for each in found.values()), key=lambda pair: pair[0].rank[0])


def at(series: Series, step: float) -> float | None:
    """The mean of the bin nearest to a step that has one."""
    near = [(abs(x - step), mean) for x, mean in zip(series.x, series.mean, strict=True) if mean == mean]
    return min(near)[1] if near else None
