"""The learning-rate range test: the loss while the learning rate grows from step to step (Smith, 2017)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.job import Job
from gradtop.trainer.record import RunReader, Status
from gradtop.trainer.record.streams.registry import LOSS, LR, LR_RANGE, SMOOTHED, written_by

# The methods in the order of their trust, and what each is called.
LABELS = {"valley": "valley", "steep": "steepest", "minimum": "minimum/10", "slide": "slide"}


def suggestions(status: Status) -> dict[str, float]:
    """The learning rates that a test suggests, by method."""
    found = status.result.get("suggestions")
    return {method: lr for method in LABELS if isinstance(found, Mapping) and isinstance(lr := found.get(method), int | float) and 0 < lr < math.inf}


def text(status: Status) -> str:
    """valley 1.2e-3 · steepest 3.0e-3 …, "" before the end of the test."""
    return " · ".join(f"{LABELS[method]} {significant(lr)}" for method, lr in suggestions(status).items())


def headline(status: Status) -> str:
    """The suggestion of the method that is trusted most, as short as a column of a list."""
    return next((f"lr {significant(lr)}" for lr in suggestions(status).values()), "")


def lines(reader: RunReader) -> Iterator[tuple[str, str]]:
    result = reader.status.result
    if found := text(reader.status):
        yield "suggestions", found
    elif result:
        yield "suggestions", "none: the curve is too short"
    diverged = result.get("diverged_at")
    if isinstance(diverged, int | float):
        yield "diverged", f"at lr {significant(diverged)}"


def record(reader: RunReader) -> Mapping[str, object]:
    """The result, and the curve as three lists of equal length."""
    stream = reader.stream(LR_RANGE)
    stream.refresh()
    rows = list(stream.rows())
    names = ["step", "time", *(column.name for column in stream.columns)]
    curve = {name: [row[names.index(name)] for row in rows] for name in (LR, LOSS, SMOOTHED) if name in names}
    result = reader.status.result
    return {"suggestions": suggestions(reader.status), "diverged_at": result.get("diverged_at"), "curve": curve}


JOB = Job(
    name="lr_range",
    title="a learning-rate range test",
    label="lr range test",
    streams=written_by("lr_range"),
    lines=lines,
    record=record,
    headline=headline,
)
