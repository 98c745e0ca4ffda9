"""Reads the trace that torch.profiler exports: what ran on the host and on the device, and what allocated memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gradtop.trainer.named_tuple import NamedTuple

PHASE, MODULE = "phase: ", "module: "  # how the ranges of our own are named in a trace
HOST = frozenset({"cpu_op", "user_annotation"})
DEVICE = frozenset({"kernel", "gpu_memcpy", "gpu_memset", "mtia_ccp_events", "xpu_runtime_kernel"})
MEMORY = "[memory]"
STEP = "ProfilerStep#"

Thread = tuple[object, object]


class NotATrace(ValueError):
    """The file is not a whole trace; the message says why."""


class HostEvent(NamedTuple):
    """An operator or a range on a thread; times in µs. `sequence` links a forward operator to its backward, -1 for none."""

    thread: Thread
    start: float
    end: float
    name: str
    external: int
    sequence: int


class DeviceEvent(NamedTuple):
    """What ran on a device for `micros`; `external` is that of the operator that launched it."""

    external: int
    micros: float


class Allocation(NamedTuple):
    """Bytes that a thread allocated, or freed where negative."""

    thread: Thread
    at: float
    size: float


class Trace(NamedTuple):
    """`steps` are the recorded steps, from when to when; `events` counts all in the file."""

    host: list[HostEvent]
    device: list[DeviceEvent]
    memory: list[Allocation]
    steps: list[tuple[float, float]]
    events: int = 0


def read_trace(path: Path) -> Trace:
    """Raises NotATrace where the file was cut off; OSError."""
    trace = Trace([], [], [], [])
    count = 0
    for event in _events(path.read_text(encoding="utf-8", errors="replace")):
        count += 1
        if isinstance(event, dict):
            _sort_in(event, trace)
    trace.steps.sort()
    return trace._replace(events=count)


def _events(text: str) -> Iterator[Any]:
    """One after the other, as all of them as objects would take ten times the memory of the file."""
    decode, at = json.JSONDecoder().raw_decode, text.find('"traceEvents"')
    at = text.find("[", at) + 1 if at >= 0 else 0
    if not at:
        raise NotATrace("it has no traceEvents")
    try:
        while True:
            while text[at] in " \t\r\n,":
                at += 1
            if text[at] == "]":
                return
            event, at = decode(text, at)
            yield event
    except (IndexError, json.JSONDecodeError, RecursionError):
        raise NotATrace("it ends in the middle") from None


def _sort_in(event: dict[str, Any], trace: Trace) -> None:
    arguments, category, start = event.get("args"), event.get("cat"), event.get("ts")
    if not isinstance(start, int | float):
        return
    arguments = arguments if isinstance(arguments, dict) else {}
    thread = (str(event.get("pid")), str(event.get("tid")))
    name, duration = str(event.get("name")), event.get("dur")
    if name == MEMORY:
        trace.memory.append(Allocation(thread, float(start), float(_number(arguments.get("Bytes"), 0))))
    elif event.get("ph") != "X" or not isinstance(duration, int | float):
        return
    elif category in HOST:
        if name.startswith(STEP):
            trace.steps.append((float(start), float(start) + max(float(duration), 0.0)))
        else:
            trace.host.append(HostEvent(thread, float(start), float(start) + max(float(duration), 0.0), name, _number(arguments.get("External id"), -1), _number(arguments.get("Sequence number"), -1)))
    elif category in DEVICE:
        trace.device.append(DeviceEvent(_number(arguments.get("External id"), -1), max(float(duration), 0.0)))


def _number(value: object, missing: int) -> int:
    return value if isinstance(value, int) else missing
