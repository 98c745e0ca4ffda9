"""What took the time of the profiled steps: by operator, by module, by phase; from a trace alone."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from gradtop.trainer.analysis.profiling.trace_file import MODULE, PHASE, Allocation, HostEvent, Trace
from gradtop.trainer.record.profiles import LONGEST_NAME, MOST_MODULES, MOST_OPERATORS, ModuleCost, OperatorCost

FORWARD = "forward"
BACKWARD_NODE = "autograd::engine::evaluate_function: "
MICRO = 1e-6
SLACK = 0.002  # µs by which the times of nested ranges may be rounded


@dataclass(slots=True, eq=False)
class TraceRange:
    """A range on the host with what lies around it. `module` is the innermost module whose forward it belongs to, on the way back, too."""

    event: HostEvent
    parent: TraceRange | None
    phase: str = ""
    module: TraceRange | None = None
    inside: float = 0.0  # µs of the operators (of a module: the modules) directly in it
    device: float = 0.0
    memory: float = 0.0

    @property
    def name(self) -> str:
        return self.event.name

    @property
    def micros(self) -> float:
        return self.event.end - self.event.start

    @property
    def is_operator(self) -> bool:
        return not self.event.name.startswith((PHASE, MODULE))

    @property
    def is_module(self) -> bool:
        return self.event.name.startswith(MODULE)

    def around(self) -> Iterator[TraceRange]:
        """What it lies in, the innermost first."""
        span = self.parent
        while span is not None:
            yield span
            span = span.parent


@dataclass(slots=True)
class Sums:
    """Of all ranges of one name, in µs and bytes."""

    calls: int = 0
    own: float = 0.0
    whole: float = 0.0
    backward: float = 0.0
    own_device: float = 0.0
    device: float = 0.0
    own_memory: float = 0.0
    memory: float = 0.0


@dataclass(slots=True)
class Breakdown:
    """Rows per step, the most expensive first; `phases` is device time by phase, in seconds per step."""

    operators: tuple[OperatorCost, ...] = ()
    modules: tuple[ModuleCost, ...] = ()
    phases: dict[str, float] = field(default_factory=dict)


def break_down(trace: Trace, counted_steps: Collection[int]) -> Breakdown:
    """Of the steps with these numbers, counted from 0. What lies outside of the phases of a step, such as an evaluation between two, does not count."""
    steps = max(len(counted_steps), 1)
    spans = _spans(trace)
    _place_device_time(trace, spans)
    _find_phases(spans)
    spans = [span for span in spans if span.phase]
    _find_modules(spans)
    starts = [start for start, _ in trace.steps]
    counted = [span for span in spans if bisect_right(starts, span.event.start) - 1 in counted_steps]
    phases: dict[str, float] = defaultdict(float)
    for span in counted:
        phases[span.phase] += span.device * MICRO / steps
    return Breakdown(_operators(counted, steps), _modules(counted, steps), dict(phases))


def _spans(trace: Trace) -> list[TraceRange]:
    """The ranges of every thread, each with the one that it lies in, in the order in which they begin."""
    threads: dict[object, list[tuple[float, float, HostEvent | Allocation]]] = defaultdict(list)
    for ranged in trace.host:
        threads[ranged.thread].append((ranged.start, -ranged.end, ranged))
    for allocation in trace.memory:
        threads[allocation.thread].append((allocation.at, 0.0, allocation))
    spans: list[TraceRange] = []
    for events in threads.values():
        events.sort(key=lambda each: each[:2])
        stack: list[TraceRange] = []
        for start, _, event in events:
            while stack and stack[-1].event.end <= start + (SLACK if isinstance(event, HostEvent) else 0.0):
                stack.pop()
            if isinstance(event, Allocation):
                inner = next((span for span in reversed(stack) if span.is_operator), None)
                if inner is not None:
                    inner.memory += event.size
                continue
            span = TraceRange(event, stack[-1] if stack else None)
            stack.append(span)
            spans.append(span)
    spans.sort(key=lambda span: span.event.start)
    return spans


def _place_device_time(trace: Trace, spans: Iterable[TraceRange]) -> None:
    launched = {span.event.external: span for span in spans if span.event.external >= 0}
    for event in trace.device:
        if (span := launched.get(event.external)) is not None:
            span.device += event.micros


def _find_phases(spans: list[TraceRange]) -> None:
    """By what they lie in, and of other threads, as autograd has them, by the time."""
    phases = [span for span in spans if span.name.startswith(PHASE)]
    starts = [span.event.start for span in phases]
    for span in spans:
        inside = next((each for each in span.around() if each.name.startswith(PHASE)), None)
        place = bisect_right(starts, span.event.start) - 1
        if inside is None and place >= 0 and phases[place].event.end > span.event.start:
            inside = phases[place]
        span.phase = "" if inside is None or inside is span else inside.name.removeprefix(PHASE)


def _find_modules(spans: list[TraceRange]) -> None:
    """Of the forward pass by what they lie in; of the backward pass by the forward operator whose gradient they compute."""
    owner: dict[int, TraceRange | None] = {}
    for span in spans:
        if span.phase == FORWARD:
            span.module = next((each for each in span.around() if each.is_module), None)
            # The last operator with a number is the one that made the node of the graph: those before it only saw the number.
            if span.event.sequence >= 0 and span.is_operator:
                owner[span.event.sequence] = span.module
    for span in spans:
        if span.phase != FORWARD:
            node = span if span.name.startswith(BACKWARD_NODE) else next((each for each in span.around() if each.name.startswith(BACKWARD_NODE)), None)
            span.module = owner.get(node.event.sequence) if node is not None else None


def _operators(spans: list[TraceRange], steps: int) -> tuple[OperatorCost, ...]:
    operators = [span for span in spans if span.is_operator]
    for span in operators:
        if (outer := next((each for each in span.around() if each.is_operator), None)) is not None:
            outer.inside += span.micros
    found: dict[str, Sums] = defaultdict(Sums)
    for span in operators:
        sums, outer_names = found[span.name], {each.name for each in span.around() if each.is_operator}
        sums.calls += 1
        sums.own += max(span.micros - span.inside, 0.0)
        sums.own_device += span.device
        sums.own_memory += span.memory
        if span.name not in outer_names:
            sums.whole += span.micros
        for name in outer_names | {span.name}:
            found[name].device += span.device
            found[name].memory += span.memory
    rows = [
        OperatorCost(
            name[:LONGEST_NAME], each.calls / steps, each.own * MICRO / steps, each.whole * MICRO / steps,
            each.own_device * MICRO / steps, each.device * MICRO / steps, each.own_memory / steps, each.memory / steps,
        )
        for name, each in found.items()
    ]  # fmt: skip
    on_device = any(row.self_device > 0 for row in rows)
    rows.sort(key=attrgetter("self_device" if on_device else "self_cpu"), reverse=True)
    return tuple(rows[:MOST_OPERATORS])


def _modules(spans: list[TraceRange], steps: int) -> tuple[ModuleCost, ...]:
    """In the order in which they were first called; of very many the most expensive."""
    found: dict[str, Sums] = defaultdict(Sums)
    for span in spans:
        if span.is_module and span.phase == FORWARD:
            outer = next((each for each in span.around() if each.is_module), None)
            if outer is not None:
                outer.inside += span.micros
    for span in spans:
        if span.is_module and span.phase == FORWARD:
            sums = found[span.name]
            sums.calls += 1
            sums.own += max(span.micros - span.inside, 0.0)
            if all(each.name != span.name for each in span.around()):
                sums.whole += span.micros
    for span in spans:
        if span.module is None or span.is_module:
            continue
        backward = span.micros if span.name.startswith(BACKWARD_NODE) and not any(each.name.startswith(BACKWARD_NODE) for each in span.around()) else 0.0
        for name in {each.name for each in (span.module, *span.module.around()) if each.is_module}:
            found[name].backward += backward
            found[name].device += span.device
            if span.phase == FORWARD:
                found[name].memory += span.memory
    rows = []
    for name, each in found.items():
        path, _, kind = name.removeprefix(MODULE).rpartition(" ")
        rows.append(
            ModuleCost(
                path[:LONGEST_NAME], kind.strip("()")[:LONGEST_NAME], each.calls / steps, each.own * MICRO / steps, each.whole * MICRO / steps,
                each.backward * MICRO / steps, each.device * MICRO / steps, each.memory / steps,
            )
        )
    if len(rows) > MOST_MODULES:
        kept = set(map(id, sorted(rows, key=lambda row: row.forward + row.backward, reverse=True)[:MOST_MODULES]))
        rows = [row for row in rows if id(row) in kept]
    return tuple(rows)
