"""The lines and rows of the profile page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import TypeAlias

from gradtop.trainer.analysis.formatting import number, size
from gradtop.trainer.analysis.profile_text import seconds_text, share_text, steps_text
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import clean
from gradtop.trainer.record.profiles import ModuleCost, OperatorCost, Profile
from gradtop.tui.framework.lines import TextLine
from gradtop.tui.screens.profile.data import ProfilePart
from gradtop.tui.widgets.columns import Cell, TableColumn

CostRow: TypeAlias = OperatorCost | ModuleCost
BAR, TIME = 12, 9
PHASE, MOST_BAR = 13, 40
BLOCK = "▆"
NAME = "name"
WHOLE_MODEL = "(model)"


def profiled_line(part: ProfilePart) -> TextLine:
    """Which steps, where, at which pace, and which profile of how many."""
    found = part.profile
    which = [(f"   profile {part.place} of {part.count}", "muted")] if part.count > 1 else []
    if found is None:
        return [(f" {part.unreadable}", "warning"), *which] if part.unreadable else []
    threads = f", {number(found.threads)} thread{'s' * (found.threads != 1)}" if found.device == "cpu" else ""
    pace = f"   {seconds_text(found.before or found.profiled)} a step" if found.before or found.profiled else ""
    slow = f"{found.slowdown:.2f} × that while profiled" if found.slowdown > 0 else ""
    after = f", {seconds_text(found.after)} after" if found.after else ""
    where = clean(found.device_name or found.device, 60)
    return [(f" {steps_text(found.step, found.last)}", "strong"), (f" on {where}{threads}", "text"), (pace, "strong"), (f"{f', {slow}' if slow else ''}{after}", "muted"), *which]


def news_line(part: ProfilePart) -> TextLine:
    """A profile that is being taken, or why the newest one was not."""
    if part.pending:
        return [(f" {part.pending}", "primary")]
    return [(f" no profile: {part.failed}", "warning")] if part.failed else []


def phase_lines(found: Profile, width: int, *, block: str = BLOCK) -> Iterator[TextLine]:
    """A bar for each phase: its share of a step that is not profiled."""
    device = any(row.device > 0 for row in found.phases)
    times = [("time", "strong"), ("profiled", "muted"), *([("on device", "muted")] if device else [])]
    left = max(min(width - PHASE - 7 - (TIME + 2) * len(times), MOST_BAR), 0)
    yield [(f"{'':<{PHASE + left}}{'share':>7}", "muted"), *((f"{name:>{TIME + 2}}", "muted") for name, _ in times)]
    timed = [(row, row.before if found.before else row.profiled) for row in found.phases]
    whole = sum(seconds for _, seconds in timed)
    for row, seconds in timed:
        values = [seconds, row.profiled, *([row.device] if device else [])]
        yield [
            (f" {clean(row.name, PHASE - 2):<{PHASE - 1}}", "text"),
            (f"{block * round(left * seconds / whole) if whole > 0 else '':<{left}}", "primary"),
            (f"{share_text(seconds, whole):>7}", "strong"),
            *((f"{seconds_text(value):>{TIME + 2}}", tone) for value, (_, tone) in zip(values, times, strict=True)),
        ]


# The tables. A `sort` is the field of the row that a column shows.


def operator_columns(found: Profile) -> list[TableColumn]:
    device = [timed("self device", "self_device"), timed("device", "device")] if found.has_device else []
    return [
        TableColumn("operator", 44, least=20, grow=True, sort=NAME),
        TableColumn("share of self", BAR + 6, least=BAR + 6, priority=4),
        *device,
        timed("self CPU", "self_cpu"),
        timed("CPU", "cpu"),
        TableColumn("memory", TIME, right=True, priority=3, sort="memory"),
        TableColumn("calls", 6, right=True, priority=2, sort="calls"),
    ]


def module_columns(found: Profile) -> list[TableColumn]:
    device = [timed("device", "device")] if found.has_device else []
    return [
        TableColumn("module", 28, least=16, grow=True, keep="end", sort=NAME),
        TableColumn("class", 18, least=10, priority=5),
        TableColumn("share", BAR + 6, least=BAR + 6, priority=4),
        *device,
        timed("self fwd", "self_forward"),
        timed("forward", "forward"),
        timed("backward", "backward"),
        TableColumn("memory", TIME, right=True, priority=3, sort="memory"),
        TableColumn("calls", 6, right=True, priority=2, sort="calls"),
    ]


def timed(name: str, sort: str) -> TableColumn:
    return TableColumn(name, max(TIME, len(name)), right=True, sort=sort)


def usual_sort(found: Profile, *, modules: bool) -> str:
    """The most expensive first; modules as they are called."""
    return "" if modules else "self_device" if found.has_device else "self_cpu"


def sorted_rows(found: Profile, *, modules: bool, sort: str, reverse: bool, words: str) -> Sequence[tuple[int, CostRow]]:
    """The rows whose names have all of the words, with their numbers; numbers descend, names ascend."""
    rows: Sequence[CostRow] = found.modules if modules else found.operators
    wanted = words.lower().split()
    kept = [(place, row) for place, row in enumerate(rows) if all(word in f"{row.name} {getattr(row, 'kind', '')}".lower() for word in wanted)]
    if sort and all(hasattr(row, sort) for _, row in kept):
        value = attrgetter(sort)
        kept.sort(key=lambda each: value(each[1]), reverse=(sort != NAME) != reverse)
    return kept


def own_cost(found: Profile, row: CostRow) -> float:
    """The time that a row stands for by itself: rows together are all of it."""
    if isinstance(row, OperatorCost):
        return row.self_device if found.has_device else row.self_cpu
    return row.device if found.has_device else row.forward + row.backward


class Shares(NamedTuple):
    """What the rows of a table are shares of, and the largest of them."""

    whole: float
    largest: float


def costs_of(found: Profile, *, modules: bool) -> Shares:
    """Of operators their sum, of modules the whole model."""
    costs = [own_cost(found, row) for row in (found.modules if modules else found.operators)]
    largest = max(costs, default=0.0)
    return Shares(largest if modules else sum(costs), largest)


def cells_of(found: Profile, row: CostRow, shares: Shares, sort: str, *, block: str = BLOCK) -> list[Cell]:
    own = own_cost(found, row)
    bar = block * round(BAR * own / shares.largest) if shares.largest > 0 else ""
    share: Cell = [(f"{bar:<{BAR}}", "primary"), (f"{share_text(own, shares.whole):>6}", "text")]

    def value(text: str, field: str) -> Cell:
        return (text, "strong" if field == sort else "text")

    if isinstance(row, OperatorCost):
        times = [*(("self_device", "device") if found.has_device else ()), "self_cpu", "cpu"]
        first: list[Cell] = [clean(row.name, 200), share]
    else:
        times = [*(("device",) if found.has_device else ()), "self_forward", "forward", "backward"]
        first = [clean(row.name, 200) or WHOLE_MODEL, (clean(row.kind, 100), "muted"), share]
    return [*first, *(value(seconds_text(getattr(row, name)), name) for name in times), value(memory_text(row.memory), "memory"), value(f"{row.calls:.3g}", "calls")]


def memory_text(count: float) -> str:
    """Bytes; negative where more is freed than allocated."""
    return "0" if round(count) == 0 else f"{'-' if count < 0 else ''}{size(abs(count))}"


def detail_line(found: Profile, row: CostRow) -> TextLine:
    """The row under the cursor, in full."""
    name = clean(row.name, 200) or WHOLE_MODEL
    calls = f", {row.calls:.3g} call{'s' * (row.calls != 1)} a step"
    if isinstance(row, OperatorCost):
        times = f"self {seconds_text(row.self_cpu)} of {seconds_text(row.cpu)} on the CPU" + (f", {seconds_text(row.self_device)} of {seconds_text(row.device)} on the device" if found.has_device else "")
        return [(f" {name}", "strong"), (f"   {times}, memory {memory_text(row.self_memory)} of {memory_text(row.memory)}{calls}", "muted")]
    times = f"forward {seconds_text(row.self_forward)} of {seconds_text(row.forward)}, backward {seconds_text(row.backward)}" + (f", device {seconds_text(row.device)}" if found.has_device else "")
    return [(f" {name}", "strong"), (f" {clean(row.kind, 100)}", "text"), (f"   {times}, memory {memory_text(row.memory)}{calls}", "muted")]


def trace_line(part: ProfilePart) -> TextLine:
    """Where the trace lies and what opens it, or what restricts the figures."""
    found = part.profile
    if found is None:
        return []
    notes: TextLine = [(f"   {clean('; '.join(found.notes), 300)}", "warning")] if found.notes else []
    if part.trace is None:
        return [(" no trace", "muted"), *notes]
    return [(f" trace for ui.perfetto.dev ({size(found.trace_bytes)}): ", "muted"), (clean(f"{part.trace.parent.name}/{part.trace.name}", 300), "text"), *notes]
