"""profiles/: profiles of training steps, of each a summary `step-000123.json` and beside it the Chrome trace; the newest are kept.

All times are seconds per profiled step, memory is bytes per step, and calls are per step.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from gradtop.trainer.record import bounds
from gradtop.trainer.record.events import plain
from gradtop.trainer.record.files import identity
from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.writing import make_folder, remove, write_atomically

FORMAT = 1
USUAL_STEPS, MOST_STEPS = 10, 50
KEPT = 10  # profiles of a run
MOST_OPERATORS, MOST_MODULES, MOST_PHASES = 300, 1000, 20
LARGEST = 1 << 20  # bytes of a summary
LONGEST_NAME = 200  # characters of an operator or module
SUMMARY, TRACE = ".json", ".trace.json.gz"

Costs = TypeVar("Costs")


@dataclass(frozen=True, slots=True)
class OperatorCost:
    """An operator, all its calls together. `self_` is without what the operators that it called took; memory is allocated minus freed."""

    name: str = ""
    calls: float = 0.0
    self_cpu: float = 0.0
    cpu: float = 0.0
    self_device: float = 0.0
    device: float = 0.0
    self_memory: float = 0.0
    memory: float = 0.0


@dataclass(frozen=True, slots=True)
class ModuleCost:
    """A module of the model, by its path ("" is the model itself) and class. `self_forward` is without the modules inside it; `device` is both ways."""

    name: str = ""
    kind: str = ""
    calls: float = 0.0
    self_forward: float = 0.0
    forward: float = 0.0
    backward: float = 0.0
    device: float = 0.0
    memory: float = 0.0


@dataclass(frozen=True, slots=True)
class PhaseCost:
    """A part of the step: `before` in steps that were not profiled, `profiled` in those that were, on the host; `device` is kernel time launched in it."""

    name: str = ""
    before: float = 0.0
    profiled: float = 0.0
    device: float = 0.0


@dataclass(frozen=True, slots=True)
class Profile:
    """`step` and `last` are the first and the last profiled step. `before`, `profiled` and `after` are seconds of one step: measured right before
    profiling, while profiling, and right after it; 0 where not measured. `trace` is the file name of the Chrome trace, "" where there is none.
    """

    format: int = FORMAT
    time: float = 0.0
    step: int = 0
    last: int = 0
    asked: int = 0
    steps: int = 0
    device: str = ""
    device_name: str = ""
    threads: int = 0
    torch: str = ""
    before: float = 0.0
    profiled: float = 0.0
    after: float = 0.0
    phases: tuple[PhaseCost, ...] = ()
    operators: tuple[OperatorCost, ...] = ()
    modules: tuple[ModuleCost, ...] = ()
    trace: str = ""
    trace_bytes: int = 0
    events: int = 0
    notes: tuple[str, ...] = ()

    @property
    def slowdown(self) -> float:
        """Times slower than before while profiled; NaN where not known."""
        return self.profiled / self.before if self.before > 0 and self.profiled > 0 else math.nan

    @property
    def has_device(self) -> bool:
        """Whether kernels of a device were recorded."""
        return any(row.device > 0 for row in self.operators)

    def record(self) -> dict[str, object]:
        """The profile as a JSON object."""
        return {**asdict(self), "slowdown": None if math.isnan(self.slowdown) else self.slowdown}


def _amount(value: object) -> float | None:
    """Bytes, which may be fewer than none."""
    found = bounds.measured(value)
    return found if found is not None and abs(found) <= bounds.WHOLE else None


def _named(value: object) -> str | None:
    return bounds.text(value, LONGEST_NAME)


def _rows(declaration: type[Costs], most: int) -> bounds.Read:
    special: Mapping[str, bounds.Read] = {"self_memory": _amount, "memory": _amount, "name": _named, "kind": _named}
    make = bounds.Maker(declaration, bounds.reads_of(declaration, **{name: special[name] for name in declaration.__annotations__ if name in special}))

    def read(value: object) -> tuple[Costs, ...] | None:
        return tuple(make(row) for row in value[:most] if isinstance(row, dict)) if isinstance(value, list) else None

    return read


MAKE = bounds.Maker(
    Profile,
    bounds.reads_of(
        Profile,
        phases=_rows(PhaseCost, MOST_PHASES),
        operators=_rows(OperatorCost, MOST_OPERATORS),
        modules=_rows(ModuleCost, MOST_MODULES),
        trace=bounds.file_name,
    ),
)


def summary_path(run: Run, step: int) -> Path:
    """The summary of the profile whose first step this is."""
    return run.profiles / f"step-{step:06d}{SUMMARY}"


def trace_path(run: Run, step: int) -> Path:
    return run.profiles / f"step-{step:06d}{TRACE}"


def list_profiles(run: Run) -> list[Path]:
    """The summaries of a run's profiles, the newest last."""
    try:
        with os.scandir(run.profiles) as entries:
            found = [
                (entry.stat(follow_symlinks=False).st_mtime_ns, entry.name)
                for entry in entries
                if entry.name.endswith(SUMMARY) and not entry.name.startswith(".")
            ]
    except OSError:
        return []
    return [run.profiles / name for _, name in sorted(found)[-2 * KEPT :]]


def profiles_stamp(run: Run) -> object:
    """Another value when a profile was added or removed."""
    try:
        return identity(os.stat(run.profiles))
    except OSError:
        return None


def read_profile(path: Path) -> Profile:
    """Raises Unreadable."""
    data = bounds.read_bytes(path, LARGEST)
    try:
        found: Any = bounds.parse_json(data)
    except ValueError:
        raise bounds.unreadable(path, "it is not JSON") from None
    if not isinstance(found, dict):
        raise bounds.unreadable(path, "it is not a JSON object")
    if bounds.count(found.get("format")) != FORMAT:
        raise bounds.unreadable(path, "it is of another version of gradtop")
    return MAKE(found)


def trace_of(path: Path, profile: Profile) -> Path | None:
    """The Chrome trace of a profile, where it has one that is there."""
    trace = path.parent / profile.trace
    return trace if profile.trace and trace.is_file() else None


def write_profile(run: Run, profile: Profile, *, write: Callable[[Path, Path, str], object] = write_atomically) -> Path:
    """Write the summary, and remove the oldest profiles where there are more than are kept. Raises OSError."""
    make_folder(run.path, run.profiles)
    path = summary_path(run, profile.step)
    write(run.path, path, json.dumps(plain(profile.record())))
    for old in list_profiles(run)[:-KEPT]:
        remove(run.path, old)
        remove(run.path, old.with_name(f"{old.name.removesuffix(SUMMARY)}{TRACE}"))
    return path
