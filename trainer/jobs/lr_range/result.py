"""What commands, lists and events say of a range test."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.job import JobEvent, Result
from gradtop.trainer.record import Event, RunReader, Status
from gradtop.trainer.record.streams.registry import LOSS, LR, LR_RANGE, SMOOTHED

# The methods in the order of their trust, and what each is called.
LABELS = {"valley": "valley", "steep": "steepest", "minimum": "minimum/10", "slide": "slide"}
ENDED = "lr_range"  # the kind of the event at its end


def suggestions(status: Status) -> dict[str, float]:
    """The learning rates that a test suggests, by method."""
    return suggested(status.result)


def suggested(result: Mapping[str, object]) -> dict[str, float]:
    """The learning rates in a result or in the event that tells it, by method."""
    found = result.get("suggestions")
    return {method: lr for method in LABELS if isinstance(found, Mapping) and isinstance(lr := found.get(method), int | float) and 0 < lr < math.inf}


def text(found: Mapping[str, float]) -> str:
    """valley 1.2e-3 · steepest 3.0e-3 …, "" before the end of the test."""
    return " · ".join(f"{LABELS[method]} {significant(lr)}" for method, lr in found.items())


def headline(status: Status) -> str:
    """The suggestion of the method that is trusted most, as short as a column of a list."""
    return next((f"lr {significant(lr)}" for lr in suggestions(status).values()), "")


def lines(reader: RunReader) -> Iterator[tuple[str, str]]:
    result = reader.status.result
    if found := text(suggestions(reader.status)):
        yield "suggestions", found
    elif result:
        yield "suggestions", "none: the loss does not fall beyond its noise"
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


def describe(event: Event) -> tuple[str, str]:
    """The sentence of the event at the end of a test, and its tone."""
    found, diverged = suggested(event), event.get("diverged_at")
    at = f"; diverged at lr {significant(diverged)}" if isinstance(diverged, int | float) else ""
    return f"range test: {text(found) or 'no suggestion'}{at}", "success" if found else "warning"


# After `step` of `steps`: learning rates by method, and where the loss diverged, null where it did not.
EVENTS = {ENDED: JobEvent(("step", "steps", "suggestions", "diverged_at"), describe)}
RESULT = Result(lines=lines, record=record, headline=headline, events=EVENTS)
