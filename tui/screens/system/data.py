"""What the system mode shows: what the run takes of its machine, what else goes on there, and what monitoring costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from gradtop.trainer.analysis.significance import moments
from gradtop.trainer.record import EMPTY_SERIES, RunReader, Series
from gradtop.trainer.record.status import this_host
from gradtop.trainer.record.streams.reader import StreamReader
from gradtop.trainer.record.streams.registry import (
    CORES,
    CPU,
    GPU_MEMORY,
    GPU_NAME,
    GPU_USE,
    GPU_UUID,
    HOST_CPU,
    HOST_MEMORY,
    LOADING,
    MEMORY,
    MEMORY_TOTAL,
    REGISTRY,
    SAMPLES_PER_S,
    STEP,
    STEPS,
    SYSTEM,
    TIME,
)
from gradtop.tui.reading.chart_view import NO_CLOCK, ChartView, Clock, clock_of
from gradtop.tui.screens.overview.data import axis_end, monitor_setting, newest
from gradtop.tui.screens.system.host import Cores, GpuProcess, free_space, gpu_processes

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext

CHARTED = (CPU, HOST_CPU, MEMORY, HOST_MEMORY, GPU_USE, GPU_MEMORY)
IN_BYTES = frozenset({MEMORY, HOST_MEMORY, GPU_MEMORY})
GIB = 2.0**30
BINS = 360
RECENT = 64  # steps that the time of a step and the share of loading are means of
PROCESSES_EVERY = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Cost:
    """What measuring for one stream takes of the time, and the seconds between two measurements; nan where none was lately."""

    stream: str
    share: float
    every: float


@dataclass(frozen=True, slots=True)
class SystemPart:
    """`series` by column, memory in GiB; `now` is the newest record of both streams, by column, as it was recorded.

    `seconds` of a step and `loading`, its share for batches, are of the last steps, nan where not known. `here` says that the run
    trains on this host, now: `core_use`, `free` and `processes` are read from it, not from the run.
    """

    end: float = 1.0
    newest: float = 0.0
    clock: Clock = NO_CLOCK
    rate: Series = EMPTY_SERIES
    series: Mapping[str, Series] = field(default_factory=lambda: dict.fromkeys(CHARTED, EMPTY_SERIES))
    now: Mapping[str, float] = field(default_factory=dict)
    seconds: float = math.nan
    loading: float = math.nan
    cores: int = 0
    memory_total: float = math.nan
    gpu: str = ""
    has_gpu: bool = False
    unavailable: Mapping[str, str] = field(default_factory=dict)
    here: bool = False
    core_use: tuple[float, ...] = ()
    free: float | None = None
    processes: tuple[GpuProcess, ...] = ()
    no_processes: str = ""
    costs: tuple[Cost, ...] = ()
    budget: float = math.nan

    @staticmethod
    def scale(column: str) -> float:
        """What values of a column are multiplied by in its chart."""
        return 1 / GIB if column in IN_BYTES else 1.0


def read_system(source: ReadContext, view: ChartView) -> SystemPart:
    reader = source.run
    if reader is None:
        return SystemPart()
    steps, system = reader.stream(STEPS), reader.stream(SYSTEM)
    last_step = newest(reader)
    end = axis_end(max(reader.status.step, last_step), reader.status.steps)
    first, last = (0.0, end) if view.window is None else (view.window.first, view.window.last)
    found = dict(zip(CHARTED, system.series_of(CHARTED, bins=BINS, first=first, last=last), strict=True))
    seconds, loading = step_time(steps)
    here = reader.state.is_alive and (reader.status.host, reader.status.boot) == this_host()
    uuid = text_of(system, GPU_UUID)
    host = HOSTS.setdefault(reader, Host())
    processes, no_processes = host.processes(uuid, source.clock()) if here and uuid else ((), "")
    return SystemPart(
        end=end,
        newest=last_step,
        clock=clock_of(reader, view),
        rate=steps.series(SAMPLES_PER_S, bins=BINS, first=first, last=last),
        series={column: scaled(series, SystemPart.scale(column)) for column, series in found.items()},
        now={SAMPLES_PER_S: reader.status.samples_per_s, **(system.last() or {})},
        seconds=seconds,
        loading=loading,
        cores=int(number_of(system, CORES, 0.0)),
        memory_total=number_of(system, MEMORY_TOTAL),
        gpu=text_of(system, GPU_NAME),
        has_gpu=reader.status.device.startswith("cuda"),
        unavailable={column.name: why for column in system.columns if (why := system.unavailable(column.name))},
        here=here,
        core_use=host.cores() if here else (),
        free=free_space(reader.run.path) if here else None,
        processes=processes,
        no_processes=no_processes,
        costs=costs_of(reader.status.monitoring),
        budget=monitor_setting(reader, "budget", math.nan),
    )


def costs_of(monitoring: Mapping[str, object]) -> tuple[Cost, ...]:
    """In the order of the registry's streams."""
    return tuple(
        Cost(stream, share, figure(monitoring, f"{stream}.every"))
        for stream in REGISTRY
        if math.isfinite(share := figure(monitoring, f"{stream}.share"))
    )


def figure(table: Mapping[str, object], name: str) -> float:
    value = table.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9 else math.nan


def scaled(series: Series, factor: float) -> Series:
    if factor == 1.0:
        return series
    low, high, mean = ([value * factor for value in values] for values in (series.low, series.high, series.mean))
    return series._replace(low=low, high=high, mean=mean)


class Host:
    """What is kept between two looks at the host of one run."""

    def __init__(self) -> None:
        self.cores = Cores()
        self._found: tuple[tuple[GpuProcess, ...], str] = ((), "")
        self._next = -math.inf

    def processes(self, uuid: str, now: float) -> tuple[tuple[GpuProcess, ...], str]:
        if now >= self._next:
            self._found, self._next = gpu_processes(uuid), now + PROCESSES_EVERY
        return self._found


HOSTS: WeakKeyDictionary[RunReader, Host] = WeakKeyDictionary()


def step_time(steps: StreamReader) -> tuple[float, float]:
    """Seconds of a step, the median of the last ones, so that an evaluation between two does not count, and the mean share of loading."""
    from statistics import median

    rows = steps.tail(RECENT)
    # Steps may be recorded in bunches, each with its own time.
    times = [(b[TIME] - a[TIME]) / (b[STEP] - a[STEP]) for a, b in pairwise(rows) if b[STEP] > a[STEP] and b[TIME] >= a[TIME]]
    shares = [row[LOADING] for row in rows if math.isfinite(row.get(LOADING, math.nan))]
    return median(times) if times else math.nan, moments(shares)[0] if shares else math.nan


def number_of(stream: StreamReader, name: str, default: float = math.nan) -> float:
    value = stream.extra.get(name)
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e24 else default


def text_of(stream: StreamReader, name: str) -> str:
    from gradtop.trainer.record import clean

    value = stream.extra.get(name)
    return clean(value, 60) if isinstance(value, str) else ""
