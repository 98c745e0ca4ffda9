"""What commands, lists and events say of a range test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.job import JobEvent, Result
from gradtop.trainer.jobs.lr_range.ranged import RANGED, Ranged
from gradtop.trainer.record import Event, RunReader, Status
from gradtop.trainer.record.streams.registry import LOSS, LR, LR_RANGE, RANGED_VALUE, SEED, SMOOTHED

# The methods in the order of their trust, and what each is called.
LABELS = {"valley": "valley", "steep": "steepest", "limit": "lowest loss", "minimum": "minimum/10", "slide": "slide"}
ENDED = "lr_range"  # the kind of the event at its end


def over(result: Mapping[str, object]) -> Ranged:
    """What a result, or the event that tells it, is a range of."""
    return RANGED.get(str(result.get("over")), RANGED[LR])


def suggestions(status: Status) -> dict[str, float]:
    """The values that a test suggests, by method."""
    return suggested(status.result)


def suggested(result: Mapping[str, object]) -> dict[str, float]:
    """The values in a result or in the event that tells it, by method."""
    found, takes = result.get("suggestions"), over(result).takes
    return {method: value for method in LABELS if isinstance(found, Mapping) and takes(value := found.get(method))}


def spread(result: Mapping[str, object]) -> dict[str, tuple[float, float]]:
    """The lowest and the highest value that any seed suggests, by method; empty for one seed."""
    found, takes = result.get("spread"), over(result).takes
    pairs = {method: found.get(method) for method in LABELS} if isinstance(found, Mapping) else {}
    return {method: (pair[0], pair[1]) for method, pair in pairs.items() if isinstance(pair, list | tuple) and len(pair) == 2 and all(map(takes, pair))}


def ranged_text(value: float) -> str:
    """Of momentum close to 1 the digits that tell it from 1."""
    return f"{value:.4g}" if 0.9 < value < 1 else significant(value)


def text(found: Mapping[str, float], spans: Mapping[str, tuple[float, float]] | None = None) -> str:
    """valley 1.2e-3 (8e-4 to 2e-3) · steepest 3.0e-3 …, "" before the end of the test."""
    within = {method: f" ({ranged_text(low)} to {ranged_text(high)})" for method, (low, high) in (spans or {}).items()}
    return " · ".join(f"{LABELS[method]} {ranged_text(value)}{within.get(method, '')}" for method, value in found.items())


def headline(status: Status) -> str:
    """The suggestion of the method that is trusted most, as short as a column of a list."""
    return next((f"{over(status.result).short} {ranged_text(value)}" for value in suggestions(status).values()), "")


def none_text(result: Mapping[str, object]) -> str:
    """Why an ended test suggests nothing."""
    if result.get("falls_at_end") is True:
        return f"the loss still falls at the end of the range; try a higher {over(result).title} there (--end)"
    return "the loss does not fall beyond its noise" + ("" if over(result).key == LR else "; at another learning rate, or from a lower --start, it may")


def lines(reader: RunReader) -> Iterator[tuple[str, str]]:
    result = reader.status.result
    ranged, seeds = over(result), result.get("seeds")
    if found := text(suggestions(reader.status), spread(result)):
        yield "suggestions", f"{'' if ranged.key == LR else f'{ranged.title}: '}{found}{f'; medians of {len(seeds)} seeds' if isinstance(seeds, list) else ''}"
    elif result:
        yield "suggestions", f"none: {none_text(result)}"
    diverged = result.get("diverged_at")
    if ranged.takes(diverged):
        yield "diverged", f"at {ranged.short} {ranged_text(diverged)}"


def record(reader: RunReader) -> Mapping[str, object]:
    """The result, and the curve as lists of equal length."""
    stream = reader.stream(LR_RANGE)
    stream.refresh()
    rows = list(stream.rows())
    names = ["step", "time", *(column.name for column in stream.columns)]
    wanted = (LR, LOSS, SMOOTHED, RANGED_VALUE, SEED)
    curve = {name: [row[names.index(name)] for row in rows] for name in wanted if name in names}
    result = reader.status.result
    more = {name: result[name] for name in ("falls_at_end", "spread", "seeds") if name in result}
    return {"over": over(result).key, "suggestions": suggestions(reader.status), "diverged_at": result.get("diverged_at"), **more, "curve": curve}


def describe(event: Event) -> tuple[str, str]:
    """The sentence of the event at the end of a test, and its tone."""
    found, diverged, ranged = suggested(event), event.get("diverged_at"), over(event)
    at = f"; diverged at {ranged.short} {ranged_text(diverged)}" if ranged.takes(diverged) else ""
    return f"range test{'' if ranged.key == LR else f' of {ranged.title}'}: {text(found) or 'no suggestion'}{at}", "success" if found else "warning"


# After `step` of `steps`: values of `over` by method, and where the loss diverged, null where it did not.
TOLD = ("over", "suggestions", "diverged_at")
EVENTS = {ENDED: JobEvent(("step", "steps", *TOLD), describe)}
RESULT = Result(lines=lines, record=record, headline=headline, events=EVENTS)
