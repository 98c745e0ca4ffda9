"""What commands, lists and events say of a batch-size search."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from gradtop.trainer.analysis.formatting import number, si, size
from gradtop.trainer.job import JobEvent, Result
from gradtop.trainer.jobs.batch_size.search import MeasuredSize
from gradtop.trainer.record import Event, RunReader, Status
from gradtop.trainer.record.streams.registry import BATCH_SIZE, BATCH_SIZES, MEMORY, SAMPLES_PER_S

ENDED = "batch_size"  # the kind of the event at its end
FIELDS = ("largest", "limited_by", "estimate", "fast_enough", "noise_scale", "noise_samples", "memory_per_sample", "memory_fixed", "memory_free")
LIMITS = {"memory": "a larger one does not fit", "samples": "all training samples", "setting": "as far as was tried"}


def read_sizes(reader: RunReader) -> list[MeasuredSize]:
    """The batch sizes that were measured, in that order."""
    stream = reader.stream(BATCH_SIZES)
    stream.refresh()
    names = [column.name for column in stream.columns]
    places = [names.index(name) + 2 for name in (BATCH_SIZE, MEMORY, SAMPLES_PER_S) if name in names]
    if len(places) < 3:
        return []
    rows = ([row[place] for place in places] for row in stream.rows())
    return [MeasuredSize(int(samples), memory, pace) for samples, memory, pace in rows if 1 <= samples < 1 << 53]


def finite_number(result: Mapping[str, object], name: str) -> float | None:
    """A number of the result; None where there is none."""
    found = result.get(name)
    return float(found) if isinstance(found, int | float) and math.isfinite(found) else None


def too_noisy(samples: float) -> str:
    """Why there is no noise scale where it was measured over so many samples."""
    return f"not known: the gradient of {number(int(samples))} samples is no more than their noise; measure more (batch_size.noise_batches)"


def noise_text(samples: float) -> str:
    """What a noise scale says of how large a batch is useful."""
    if samples < 1:
        return f"{si(samples)} samples: less than one, so that larger batches save few steps"
    return f"{si(samples)} samples (McCandlish et al., 2018): larger batches save few steps beyond it"


def headline(status: Status) -> str:
    """The largest batch size, as short as a column of a list."""
    largest = finite_number(status.result, "largest")
    return f"batch ≤ {number(int(largest))}" if largest is not None else ""


def lines(reader: RunReader) -> Iterator[tuple[str, str]]:
    result = reader.status.result
    if (largest := finite_number(result, "largest")) is not None:
        why = LIMITS.get(str(result.get("limited_by")), "so far")
        estimated = finite_number(result, "estimate")
        by_estimate = f"; estimated from two small sizes: {number(int(estimated))}" if estimated is not None else ""
        yield "largest", f"{number(int(largest))} ({why}{by_estimate})"
    if (per_sample := finite_number(result, "memory_per_sample")) is not None and (fixed := finite_number(result, "memory_fixed")) is not None:
        free = finite_number(result, "memory_free") or 0.0
        # A line through two measured sizes may begin below zero, where small ones fit into what was there already.
        yield "memory", f"{f'{size(fixed)} + ' if fixed > 0 else ''}{size(per_sample)} per sample, of {size(free)} that may be used"
    if (fast := finite_number(result, "fast_enough")) is not None:
        yield "fast enough", f"{number(int(fast))} (the smallest with 90 % of the highest samples/s)"
    if (noise := finite_number(result, "noise_scale")) is not None:
        yield "noise scale", noise_text(noise)
    elif (looked_at := finite_number(result, "noise_samples")) is not None:
        yield "noise scale", too_noisy(looked_at)


def record(reader: RunReader) -> Mapping[str, object]:
    """The result, and the sizes in ascending order."""
    sizes = [
        {BATCH_SIZE: each.batch_size, MEMORY: each.memory if each.fits else None, SAMPLES_PER_S: each.samples_per_s if each.fits else None}
        for each in sorted(read_sizes(reader), key=lambda each: each.batch_size)
    ]
    return {**{name: reader.status.result.get(name) for name in FIELDS}, "sizes": sizes}


def describe(event: Event) -> tuple[str, str]:
    """The sentence of the event at the end of a search, and its tone."""
    largest, fast = finite_number(event, "largest"), finite_number(event, "fast_enough")
    if largest is None:
        return "batch size: none fits", "warning"
    return f"batch size: up to {number(int(largest))}{f', fast enough from {number(int(fast))}' if fast is not None else ''}", "success"


# After `step` sizes. Bytes; `noise_scale` in samples, null where it was not measured.
EVENTS = {ENDED: JobEvent(("step", *FIELDS), describe)}
RESULT = Result(lines=lines, record=record, headline=headline, events=EVENTS)
