"""Which steps are profiled, which of them are typical, and the ranges of modules meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from gradtop.trainer.training.phases import StepPhase
from gradtop.trainer.training.profiling.module_ranges import ModuleRanges
from gradtop.trainer.training.profiling.stages import (
    MOST_EVENTS,
    bounded_steps,
    checked_steps,
    phase_means,
    typical,
)


@pytest.mark.parametrize("steps", [0, -1, 51, 10**9, 1.5, "many", True])
def test_a_number_of_steps_that_cannot_be_profiled_is_refused_with_the_bounds(steps: object) -> None:
    with pytest.raises(ValueError, match="from 1 to 50 steps"):
        checked_steps(steps)


def test_a_trace_holds_so_many_steps_as_it_may_have_events() -> None:
    assert bounded_steps(10, 500) == 10
    assert bounded_steps(50, MOST_EVENTS // 4) == 4
    assert bounded_steps(50, 10**9) == bounded_steps(1, 0) == 1


def test_the_typical_steps_are_those_in_the_middle_and_their_phases_add_up() -> None:
    times = [{StepPhase.FORWARD: float(each), StepPhase.BACKWARD: 1.0} for each in (2, 100, 3, 4, 0.1, 3, 2, 5)]
    assert typical(times) == [2, 3, 5, 6] or typical(times) == [0, 2, 3, 5]
    means = phase_means(times)
    assert means[StepPhase.FORWARD] == pytest.approx(3.0)
    assert sum(means.values()) == pytest.approx(4.0)
    assert not phase_means([])


def test_modules_have_ranges_only_while_installed_and_one_that_takes_no_hooks_is_named() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU()))
    ranges = ModuleRanges(model)
    assert ranges.install() == ""
    assert all(module._forward_hooks for module in model.modules())
    model(torch.ones(1, 2))
    ranges.remove()
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())

    class Closed(nn.ReLU):
        def register_forward_hook(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("closed")

    closed = Closed()
    assert ModuleRanges(nn.Sequential(closed)).install() == "1 of the model's 2 modules are not told apart"
    assert not closed._forward_pre_hooks


def test_a_module_that_fails_leaves_no_range_open() -> None:
    class Fails(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            raise ValueError("no")

    ranges = ModuleRanges(model := nn.Sequential(Fails()))
    ranges.install()
    with pytest.raises(ValueError, match="no"):
        model(torch.ones(1))
    assert not ranges._open
    ranges.remove()
