"""What the batch-size mode shows: pace and memory over the batch size, and the sizes that are worth taking."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradtop.trainer.jobs.batch_size.result import finite_number, noise_text, read_sizes, too_noisy
from gradtop.trainer.jobs.batch_size.search import MeasuredSize
from gradtop.trainer.record import EMPTY_SERIES, Run, RunReader, RunState, Series

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext


MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """A batch size that is worth taking, and why."""

    word: str
    batch_size: int
    why: str


@dataclass(frozen=True, slots=True)
class BatchSizePart:
    """Curves over the batch size: samples per second, and peak memory in MiB. `note` says why there is no noise scale. `free` is the memory that may be used, in bytes; `failed` the smallest size that does not fit.

    `source` is the run whose configuration was measured, None where that was a file or the run is gone.
    """

    pace: Series = EMPTY_SERIES
    memory: Series = EMPTY_SERIES
    candidates: tuple[Candidate, ...] = ()
    note: str = ""
    estimate: int | None = None
    free: float | None = None
    failed: int | None = None
    source: Run | None = None
    ended: bool = False


def read_batch_sizes(source: ReadContext, _view: object) -> BatchSizePart:
    return batch_size_part(source.run) if source.run is not None else BatchSizePart()


def batch_size_part(reader: RunReader) -> BatchSizePart:
    """Read the sizes of a search, and its result."""
    sizes = sorted(read_sizes(reader), key=lambda each: each.batch_size)
    fitting, result = [each for each in sizes if each.fits], reader.status.result
    parent = Run(reader.run.path.parent / reader.meta.parent) if reader.meta.parent else None
    estimated = finite_number(result, "estimate")
    return BatchSizePart(
        pace=curve([(each.batch_size, each.samples_per_s) for each in fitting]),
        memory=curve([(each.batch_size, each.memory / MIB) for each in fitting]),
        candidates=tuple(candidates(result, fitting)),
        note=noise_note(result),
        estimate=int(estimated) if estimated is not None else None,
        free=finite_number(result, "memory_free"),
        failed=min((each.batch_size for each in sizes if not each.fits), default=None),
        source=parent if parent is not None and parent.config.is_file() else None,
        ended=reader.state.has_ended or reader.state is RunState.UNKNOWN,
    )


def noise_note(result: Mapping[str, object]) -> str:
    """Why no batch size is suggested by the noise scale; "" where one is, and before it was measured."""
    noise, over = finite_number(result, "noise_scale"), finite_number(result, "noise_samples")
    if noise is None:
        return too_noisy(over) if over is not None else ""
    return noise_text(noise) if noise < 1 else ""


def curve(points: Sequence[tuple[float, float]]) -> Series:
    x, y = tuple(float(each) for each, _ in points), tuple(float(each) for _, each in points)
    return Series(x, x, y, y, y, (1,) * len(x), (0,) * len(x), *((x[0], x[-1]) if x else ()))


def candidates(result: Mapping[str, object], fitting: Sequence[MeasuredSize]) -> Iterator[Candidate]:
    """In the order in which people should think of them."""
    if (fast := finite_number(result, "fast_enough")) is not None:
        yield Candidate("fast enough", int(fast), "the smallest with 90 % of the highest samples/s")
    largest = finite_number(result, "largest")
    if (noise := finite_number(result, "noise_scale")) is not None and noise >= 1:
        useful = 1 << max(round(math.log2(noise)), 0)
        if largest is None or useful <= largest:
            yield Candidate("noise scale", useful, f"{noise:.3g} samples: beyond it a larger batch saves few steps")
    if largest is not None and fitting:
        yield Candidate("largest", int(largest), "the largest that fits")
