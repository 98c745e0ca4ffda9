"""Runs that have profiles, and one whose profile is being taken."""

from __future__ import annotations

import os
from pathlib import Path

from gradtop.trainer.config import parse_config
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, RunState, Status, append_event, write_status
from gradtop.trainer.record.profiles import ModuleCost, OperatorCost, PhaseCost, Profile, trace_path, write_profile
from tests.tui.runs_fixture import NOW

MS = 1e-3
PHASES = (
    PhaseCost("loading", 1 * MS, 1.2 * MS), PhaseCost("forward", 6 * MS, 8 * MS), PhaseCost("backward", 10 * MS, 14 * MS), PhaseCost("optimizer", 2 * MS, 3 * MS),
    PhaseCost("monitoring", 0.02 * MS, 0.1 * MS),
)  # fmt: skip
OPERATORS = (
    OperatorCost("aten::convolution_backward", 3, 12 * MS, 12.5 * MS, memory=600e3, self_memory=600e3),
    OperatorCost("aten::mkldnn_convolution", 3, 6 * MS, 6.1 * MS, memory=450e3, self_memory=2e3),
    OperatorCost("aten::addmm", 1, 2 * MS, 2.2 * MS, memory=640, self_memory=640),
    OperatorCost("aten::copy_", 62.5, 0.05 * MS, 0.05 * MS),
    OperatorCost("aten::convolution", 3, 0.02 * MS, 6.2 * MS, memory=450e3),
)
MODULES = (
    ModuleCost("", "CNN", 1, 0.3 * MS, 8 * MS, 12 * MS, memory=1.4e6),
    ModuleCost("block1.conv", "Conv2d", 1, 2 * MS, 2 * MS, 4 * MS, memory=128e3),
    ModuleCost("block2.conv", "Conv2d", 1, 4 * MS, 4 * MS, 7 * MS, memory=256e3),
    ModuleCost("head", "Linear", 1, 0.2 * MS, 0.2 * MS, 0.4 * MS, memory=640),
)


def profile(step: int = 143, *, device: bool = False, notes: tuple[str, ...] = ()) -> Profile:
    operators: tuple[OperatorCost, ...] = OPERATORS
    phases: tuple[PhaseCost, ...] = PHASES
    if device:
        operators = tuple(OperatorCost(row.name, row.calls, row.self_cpu / 4, row.cpu / 4, row.self_cpu, row.cpu, row.self_memory, row.memory) for row in OPERATORS)
        phases = tuple(PhaseCost(row.name, row.before, row.profiled, row.before / 2) for row in PHASES)
    return Profile(
        time=NOW, step=step, last=step + 9, asked=10, steps=10, device="cuda:0" if device else "cpu", device_name="NVIDIA H100" if device else "", threads=2, torch="2.14.1",
        before=19.02 * MS, profiled=26.3 * MS, after=19.1 * MS, phases=phases, operators=operators, modules=MODULES, trace_bytes=350_000, events=9000, notes=notes,
    )  # fmt: skip


def put_profile(run: Run, found: Profile, *, at: int = 0) -> None:
    """As the worker leaves it, trace and event included; `at` orders several."""
    from dataclasses import replace

    trace = trace_path(run, found.step)
    path = write_profile(run, replace(found, trace=trace.name))
    trace.write_bytes(b"\x1f\x8b")
    os.utime(path, (NOW + at, NOW + at))
    append_event(run, "profile", step=found.step, last=found.last, path=path.name, trace=trace.name, slowdown=found.slowdown, phases={row.name: row.before for row in found.phases})


def profile_run(runs: Path, *, state: RunState = RunState.DONE, found: Profile | None = None) -> Run:
    """A run that is a profile."""
    run = create_run(runs, parse_config("", job="profile"), name="swift-otter")
    result = {"phases": {row.name: row.before for row in PHASES}, "slowdown": 1.38} if state.has_ended else {}
    write_status(run, Status(state=state, step=33, steps=33, updated=NOW, ended=NOW, seconds=3.0, result=result))
    put_profile(run, profile(24) if found is None else found)
    return run
