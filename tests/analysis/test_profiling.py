"""What a trace says of operators, modules and phases, of traces whose times were written down by hand; and what is no trace."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradtop.trainer.analysis.event_text import described
from gradtop.trainer.analysis.profile_text import phases_text, profile_lines, seconds_text, share_text
from gradtop.trainer.analysis.profiling.breakdown import Breakdown, break_down
from gradtop.trainer.analysis.profiling.trace_file import NotATrace, read_trace
from gradtop.trainer.record.profiles import OperatorCost, PhaseCost, Profile

NUMBERS: Iterator[int] = iter(range(1, 10_000))


def near(value: float) -> Any:
    """Compares equal to what is as good as this value."""
    return pytest.approx(value)


def ranged(name: str, start: float, micros: float, *, annotation: bool = False, sequence: int = -1, tid: int = 1, external: int | None = None) -> dict[str, Any]:
    arguments = {"External id": next(NUMBERS) if external is None else external, **({"Sequence number": sequence} if sequence >= 0 else {})}
    return {"ph": "X", "cat": "user_annotation" if annotation else "cpu_op", "name": name, "pid": 7, "tid": tid, "ts": start, "dur": micros, "args": arguments}


def kernel(external: int, micros: float) -> dict[str, Any]:
    return {"ph": "X", "cat": "kernel", "name": "gemm", "pid": 0, "tid": 7, "ts": 0, "dur": micros, "args": {"External id": external, "correlation": 9}}


def memory(at: float, size: int) -> dict[str, Any]:
    return {"ph": "i", "cat": "cpu_instant_event", "s": "t", "name": "[memory]", "pid": 7, "tid": 1, "ts": at, "args": {"Bytes": size, "Device Type": 0}}


def broken_down(folder: Path, events: list[dict[str, Any]], counted: frozenset[int] = frozenset({0})) -> Breakdown:
    trace = folder / "trace.json"
    trace.write_text(json.dumps({"schemaVersion": 1, "traceEvents": events}))
    return break_down(read_trace(trace), counted)


def step_of(start: float, *, tid: int = 1) -> list[dict[str, Any]]:
    """A model with two layers, `a` inside `block`; the backward pass in a thread `tid`. 1000 µs in all."""
    return [
        ranged("ProfilerStep#1", start, 1000, annotation=True),
        ranged("phase: forward", start + 10, 390, annotation=True),
        ranged("module:  (Net)", start + 20, 370, annotation=True),
        ranged("module: block (Block)", start + 30, 200, annotation=True),
        ranged("module: block.a (Linear)", start + 40, 150, annotation=True),
        ranged("aten::linear", start + 50, 100, sequence=5),
        ranged("aten::addmm", start + 60, 80, sequence=5, external=70_001),
        memory(start + 70, 4096),
        memory(start + 80, -1024),
        ranged("module: head (Linear)", start + 250, 130, annotation=True),
        ranged("aten::linear", start + 260, 110, sequence=6),
        ranged("aten::addmm", start + 270, 50, sequence=6, external=70_002),
        ranged("phase: backward", start + 410, 500, annotation=True),
        ranged("autograd::engine::evaluate_function: AddmmBackward0", start + 420, 120, sequence=6, tid=tid),
        ranged("aten::mm", start + 430, 100, tid=tid, external=70_003),
        ranged("autograd::engine::evaluate_function: AddmmBackward0", start + 560, 300, sequence=5, tid=tid),
        ranged("aten::mm", start + 570, 280, tid=tid, external=70_004),
    ]


@pytest.mark.parametrize("tid", [1, 2])
def test_times_are_told_by_operator_and_by_module_forward_and_backward(tmp_path: Path, tid: int) -> None:
    found = broken_down(tmp_path, step_of(0, tid=tid))
    operators = {row.name: row for row in found.operators}
    modules = {row.name: row for row in found.modules}

    linear, addmm, mm = (operators[f"aten::{name}"] for name in ("linear", "addmm", "mm"))
    assert (linear.calls, linear.cpu, linear.self_cpu) == (2, near(210e-6), near((20 + 60) * 1e-6))
    assert (addmm.cpu, addmm.self_cpu) == (near(130e-6), near(130e-6))
    assert (linear.self_memory, linear.memory, addmm.self_memory) == (0, 3072, 3072)
    assert mm.self_cpu == near(380e-6)
    assert found.operators[0].name == "aten::mm"  # the most expensive first
    assert not any(name.startswith(("phase", "module", "Profiler")) for name in operators)

    assert list(modules) == ["", "block", "block.a", "head"]
    assert {name: row.kind for name, row in modules.items()} == {"": "Net", "block": "Block", "block.a": "Linear", "head": "Linear"}
    assert {name: round(row.forward * 1e6) for name, row in modules.items()} == {"": 370, "block": 200, "block.a": 150, "head": 130}
    assert {name: round(row.self_forward * 1e6) for name, row in modules.items()} == {"": 40, "block": 50, "block.a": 150, "head": 130}
    assert {name: round(row.backward * 1e6) for name, row in modules.items()} == {"": 420, "block": 300, "block.a": 300, "head": 120}
    assert {name: row.memory for name, row in modules.items()} == {"": 3072, "block": 3072, "block.a": 3072, "head": 0}


def test_kernels_count_for_the_operator_the_module_and_the_phase_that_launched_them(tmp_path: Path) -> None:
    kernels = [kernel(70_001, 500), kernel(70_002, 50), kernel(70_003, 200), kernel(70_004, 900), kernel(123_456, 7)]
    found = broken_down(tmp_path, [*step_of(0), *kernels])
    operators = {row.name: row for row in found.operators}
    assert found.operators[0].name == "aten::mm"
    assert operators["aten::mm"].self_device == near(1100e-6)
    assert (operators["aten::linear"].self_device, operators["aten::linear"].device) == (0, near(550e-6))
    assert {row.name: round(row.device * 1e6) for row in found.modules} == {"": 1650, "block": 1400, "block.a": 1400, "head": 250}
    assert {name: round(value * 1e6) for name, value in found.phases.items() if value} == {"forward": 550, "backward": 1100}


def test_only_the_typical_steps_count_and_figures_are_of_one_of_them(tmp_path: Path) -> None:
    one = broken_down(tmp_path, step_of(0))
    three = [*step_of(0), *step_of(5000), *step_of(9000), ranged("aten::slow", 9905, 4)]
    found = broken_down(tmp_path, three, frozenset({0, 1}))
    assert [(row.name, row.calls, near(row.self_cpu)) for row in found.operators] == [(row.name, row.calls, row.self_cpu) for row in one.operators]
    assert [(row.name, row.calls, row.backward) for row in found.modules] == [(row.name, row.calls, near(row.backward)) for row in one.modules]


def test_what_lies_between_two_steps_does_not_count(tmp_path: Path) -> None:
    found = broken_down(tmp_path, [*step_of(0), ranged("aten::evaluation", 950, 30), ranged("module: head (Linear)", 940, 45, annotation=True)])
    assert "aten::evaluation" not in {row.name for row in found.operators}
    assert {row.name: row.calls for row in found.modules}["head"] == 1


def test_an_operator_that_calls_itself_is_not_counted_twice(tmp_path: Path) -> None:
    events = [ranged("phase: forward", 0, 100, annotation=True), ranged("aten::to", 0, 90), ranged("aten::to", 10, 60)]
    row = broken_down(tmp_path, [ranged("ProfilerStep#1", 0, 200, annotation=True), *events]).operators[0]
    assert (row.calls, row.cpu, row.self_cpu) == (2, near(90e-6), near(90e-6))


@pytest.mark.parametrize("text", ["", "{}", '{"traceEvents": [', '{"traceEvents": [{"ph": "X"}', '{"traceEvents": [{"ph"', '{"traceEvents": ' + "[" * 5000])
def test_a_trace_that_was_cut_off_is_none(tmp_path: Path, text: str) -> None:
    trace = tmp_path / "trace.json"
    trace.write_text(text)
    with pytest.raises(NotATrace):
        read_trace(trace)


def test_events_of_any_form_are_left_out(tmp_path: Path) -> None:
    odd: list[Any] = [1, "x", None, {}, {"ts": "now"}, {"ph": "X", "ts": 1, "dur": "long", "cat": "cpu_op"}, {"ph": "X", "ts": 1, "dur": -5, "cat": "cpu_op", "args": 3}]
    found = broken_down(tmp_path, odd)
    assert not found.operators
    assert not found.modules


def test_sentences() -> None:
    assert [seconds_text(each) for each in (0.0, 2e-7, 1.234e-5, 0.0123456, 1.5)] == ["0", "0.200 µs", "12.3 µs", "12.3 ms", "1.5 s"]
    assert [share_text(*each) for each in ((1, 2), (1, 1000), (0, 1), (1, 0))] == ["50 %", "< 1 %", "0 %", "0 %"]
    assert phases_text({"forward": 1.0, "backward": 3.0, "loading": 0.0}) == "backward 75 %, forward 25 %"
    profile = Profile(
        step=3, last=12, steps=10, device="cpu", threads=1, before=0.01, profiled=0.015, after=0.01, phases=(PhaseCost("forward", 0.01, 0.015),),
        operators=(OperatorCost("aten::mm", 2.0, 0.006, 0.006),), notes=("7 steps",),
    )  # fmt: skip
    assert dict(profile_lines(profile)) == {
        "profiled": "steps 3 to 12 on cpu, 1 thread", "pace": "10 ms a step, 1.50 × as long while profiled, 10 ms after", "phases": "forward 100 %",
        "operators": "aten::mm: 100 % (6 ms a step in 2 calls)", "note": "7 steps",
    }  # fmt: skip
    assert math.isnan(Profile().slowdown)
    event = {"kind": "profile", "step": 3, "last": 3, "path": "step-000003.json", "slowdown": "nan", "phases": {"forward": 1.0, "odd": "x"}}
    assert described(event) == ("profiled step 3: forward 100 %", "success")
    assert described({"kind": "profile", "reason": "the disk is full"}) == ("no profile: the disk is full", "warning")
