"""What the mode of a comparison of initializations shows: the ranking, and curves of each initialization."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from gradtop.trainer.jobs.init_comparison.result import kinds_of, ranking_of, read_init_trials
from gradtop.trainer.jobs.init_comparison.summary import InitRanking, InitTrial, LayerScale, over_seeds
from gradtop.trainer.record import EMPTY_SERIES, Run, RunReader, RunState, Series
from gradtop.trainer.record.streams.registry import INIT_LAYERS, INIT_LOSSES
from gradtop.tui.widgets.binning import rebinned

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext

NOTHING = InitRanking(())
SHARED_BINS = 81  # odd, so that equal weights stand in the middle of one


@dataclass(frozen=True, slots=True)
class InitCurves:
    """One initialization over its seeds: loss by step, positive scales by layer (1 is the first in the forward pass)."""

    init: str
    loss: Series = EMPTY_SERIES
    activations: Series = EMPTY_SERIES
    gradients: Series = EMPTY_SERIES


@dataclass(frozen=True, slots=True)
class InitPart:
    """`weights` is for each layer a histogram of each initialization, on bins that all share. `source` is the run whose configuration was
    measured, None where that was a file or the run is gone.
    """

    ranking: InitRanking = NOTHING
    curves: tuple[InitCurves, ...] = ()
    layers: tuple[str, ...] = ()
    weights: tuple[tuple[Series, ...], ...] = ()
    steps: int = 1
    source: Run | None = None
    ended: bool = False


_parts: WeakKeyDictionary[RunReader, tuple[object, InitPart]] = WeakKeyDictionary()


def read_inits(source: ReadContext, _view: object) -> InitPart:
    return init_part(source.run) if source.run is not None else InitPart()


def init_part(reader: RunReader) -> InitPart:
    """Read a comparison; as long as nothing was measured since, what was read before."""
    streams = [reader.stream(name) for name in (INIT_LOSSES, INIT_LAYERS)]
    for stream in streams:
        stream.refresh()
    known = ([[segment.valid for segment in stream.segments] for stream in streams], reader.status.step, reader.state)
    kept = _parts.get(reader)
    if kept is None or kept[0] != known:
        kept = _parts[reader] = known, _read(reader)
    return kept[1]


def _read(reader: RunReader) -> InitPart:
    trials, ranking = read_init_trials(reader), ranking_of(reader.status.result)
    inits = [each.init for each in ranking.inits]
    layers = next((each.layers for each in trials if each.layers), ())
    parent = Run(reader.run.path.parent / reader.meta.parent) if reader.meta.parent else None
    return InitPart(
        ranking=ranking,
        curves=tuple(curves_of(init, [each for each in trials if each.init == init]) for init in inits),
        layers=tuple(layer.name for layer in layers),
        weights=tuple(overlaid([[each.layers[place] for each in trials if each.init == init and place < len(each.layers)] for init in inits]) for place in range(len(layers))),
        steps=kinds_of(reader.config)[1],
        source=parent if parent is not None and parent.config.is_file() else None,
        ended=reader.state.has_ended or reader.state is RunState.UNKNOWN,
    )


def curves_of(init: str, trials: Sequence[InitTrial]) -> InitCurves:
    return InitCurves(
        init,
        spread_series(list(enumerate(over_seeds([each.losses for each in trials]), 1))),
        by_depth([[layer.activation_std for layer in each.layers] for each in trials]),
        by_depth([[layer.gradient_rms for layer in each.layers] for each in trials]),
    )


def by_depth(scales: Sequence[Sequence[float]]) -> Series:
    """Without what is not known, and zero, which has no place on a logarithmic axis."""
    points = over_seeds([[value if value > 0 else math.nan for value in row] for row in scales])
    return spread_series([(place, point) for place, point in enumerate(points, 1) if math.isfinite(point[1])])


def spread_series(points: Sequence[tuple[int, tuple[float, float, float]]]) -> Series:
    """Of (x, (lowest, mean, highest))."""
    x = tuple(float(place) for place, _ in points)
    low, mean, high = zip(*(point for _, point in points), strict=True) if points else ((), (), ())
    finite = tuple(int(math.isfinite(value)) for value in mean)
    return Series(x, x, low, high, mean, finite, tuple(1 - each for each in finite), *((x[0], x[-1]) if x else ()))


def overlaid(measured: Sequence[Sequence[LayerScale]]) -> tuple[Series, ...]:
    """A histogram of one layer for each initialization, over its seeds; in each the highest bin is 1."""
    known = [layer for layers in measured for layer in layers if math.isfinite(layer.low) and math.isfinite(layer.high)]
    reach = max((max(abs(layer.low), abs(layer.high)) for layer in known), default=0.0) or 1.0
    # A little more, so that the outermost bins are seen to end.
    low, high = -1.05 * reach, 1.05 * reach
    return tuple(_histogram([layer for layer in layers if any(layer is each for each in known)], low, high) for layers in measured)


def _histogram(layers: Iterable[LayerScale], low: float, high: float) -> Series:
    counts = [0.0] * SHARED_BINS
    for layer in layers:
        for place, count in enumerate(rebinned(layer, low, high, SHARED_BINS)):
            counts[place] += count
    most = max(counts)
    if not most:
        return EMPTY_SERIES
    width = (high - low) / SHARED_BINS
    # The empty bins at the ends are left out, but for one, so that lines do not lie on the axis.
    taken = [place for place, count in enumerate(counts) if count]
    seen = range(max(taken[0] - 1, 0), min(taken[-1] + 2, SHARED_BINS))
    x = tuple(low + (place + 0.5) * width for place in seen)
    y = tuple(counts[place] / most for place in seen)
    return Series(x, x, y, y, y, (1,) * len(x), (0,) * len(x), low, high)
