"""The events of a run as a list: what was asked of it and what went wrong stay, what is routine is folded.

That a finding first appeared is no event of events.jsonl, which the worker alone writes: it is derived here, from the step since
which the finding holds and the time at which that step was recorded. So it agrees with the findings wherever they are shown,
is there for runs of any age, and goes when the finding is withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from gradtop.trainer.analysis.event_text import EventLine, clock, event_line
from gradtop.trainer.analysis.formatting import number, significant
from gradtop.trainer.record import Event, EventKind, RunReader, StreamReader, clean
from gradtop.trainer.record.streams.registry import STEPS

if TYPE_CHECKING:
    from gradtop.trainer.analysis.findings import Finding



ROUTINE = 300  # of epochs and checkpoints, the newest; the others are never left out
EPOCHS = 3  # that are not folded
LONGEST = 300  # characters of a finding
Timed = tuple[float, EventLine]

_kept: WeakKeyDictionary[RunReader, tuple[tuple[object, object], tuple[EventLine, ...], tuple[EventLine, ...]]] = WeakKeyDictionary()


def event_list(reader: RunReader, findings: Sequence[Finding]) -> tuple[tuple[EventLine, ...], tuple[EventLine, ...]]:
    """The newest first: folded, and in full. The same objects as before as long as there is nothing new."""
    known = _kept.get(reader)
    seen = (reader.events, findings)
    if known is None or known[0][0] is not reader.events or known[0][1] != findings:
        happened = all_events(reader)
        began = list(first_seen(reader.stream(STEPS), findings)) if findings else []
        lines = {id(event): timed(event) for event in happened}
        known = _kept[reader] = (seen, newest_first(folded(happened, lines), began), newest_first(lines.values(), began))
    return known[1], known[2]


def all_events(reader: RunReader) -> list[Event]:
    """In order: the newest of all, and before them those that are no routine."""
    newest = reader.events[-ROUTINE:]
    taken = set(map(id, newest))
    return [*(event for event in reader.rare if id(event) not in taken), *newest]


def newest_first(lines: Iterable[Timed], began: Sequence[Timed]) -> tuple[EventLine, ...]:
    merged = [*lines, *began]
    if began:
        merged.sort(key=lambda each: each[0])
    return tuple(line for _time, line in reversed(merged))


def timed(event: Event) -> Timed:
    return float(event["time"]), event_line(event)


def folded(events: Sequence[Event], lines: Mapping[int, Timed]) -> Iterator[Timed]:
    """Older epochs in a row as one line, checkpoints of an epoch with it, others in a row as one. `lines` are those of the events, by identity."""
    evaluated = {event.get("step") for event in events if event["kind"] == EventKind.EPOCH}
    shown = [event for event in events if event["kind"] != EventKind.CHECKPOINT or event.get("step") not in evaluated]
    epochs = [id(event) for event in shown if event["kind"] == EventKind.EPOCH]
    apart = set(epochs[-EPOCHS:])
    row: list[Event] = []
    for event in shown:
        if row and (row[0]["kind"] != event["kind"] or id(event) in apart):
            yield in_a_row(row, lines)
            row = []
        if event["kind"] == EventKind.CHECKPOINT or (event["kind"] == EventKind.EPOCH and id(event) not in apart):
            row.append(event)
        else:
            yield lines[id(event)]
    if row:
        yield in_a_row(row, lines)


def in_a_row(events: Sequence[Event], lines: Mapping[int, Timed]) -> Timed:
    """epochs 1–5  val loss 1.24 → 0.437; 4 checkpoints, newest step-001375"""
    if len(events) == 1:
        return lines[id(events[0])]
    first, last = events[0], events[-1]
    time, newest = lines[id(last)]
    if last["kind"] == EventKind.CHECKPOINT:
        return time, EventLine(newest.clock, f"{number(len(events))} checkpoints, the newest: {newest.text.removeprefix('checkpoint ')}", "muted")
    losses = [significant(loss) for event in (first, last) if isinstance(loss := event.get("val_loss"), int | float)]
    words = f"  val loss {' → '.join(losses)}" if len(losses) == 2 else ""
    return time, EventLine(newest.clock, f"{spanned(first, last)}{words}", "muted")


def spanned(first: Event, last: Event) -> str:
    """Data without a length have no epochs."""
    name = "epoch" if first.get("epoch") != 0 else "step"
    return f"{name}s {first.get(name, '?')}–{last.get(name, '?')}"


def first_seen(steps: StreamReader, findings: Iterable[Finding]) -> Iterator[Timed]:
    """When errors and warnings first appeared, those included that have passed."""
    from gradtop.trainer.analysis.findings import Severity
    from gradtop.trainer.analysis.findings.report import ENDINGS

    for finding in findings:
        if finding.severity is Severity.NOTE or finding.since_step is None or finding.name in ENDINGS:
            continue
        if (time := time_of(steps, finding.since_step)) is not None:
            tone = "error" if finding.severity is Severity.ERROR else "warning"
            yield time, EventLine(clock(time), clean(f"{finding.symbol} {finding.sentence}", LONGEST), tone)


def time_of(steps: StreamReader, step: int) -> float | None:
    """When the first record at or after a step was written; None where there is none."""
    low, high, found = 0, steps.count, None
    while low < high:
        middle = (low + high) // 2
        row = next(iter(steps.rows(middle, middle + 1)), None)
        if row is None:
            return found
        if row[0] >= step:
            high, found = middle, row[1]
        else:
            low = middle + 1
    return found
