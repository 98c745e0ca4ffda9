"""Which steps a profile consists of, and what is measured of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gradtop.trainer.record.profiles import MOST_STEPS, USUAL_STEPS, PhaseCost
from gradtop.trainer.training.phases import StepPhase

MOST_EVENTS = 250_000  # in a trace: about 100 MB before it is compressed
LEAST_BESIDE, MOST_BESIDE = 5, 20  # steps that are timed before, and after
OVERHEAD = 3  # steps that are not measured: the one at hand, the one that counts events, and the one that warms up

Times = Mapping[StepPhase, float]  # seconds of one step


class Stage(StrEnum):
    BEFORE = "before"
    COUNT = "count"
    WARMUP = "warmup"
    ACTIVE = "active"
    AFTER = "after"


@dataclass
class Plan:
    """How many steps each stage has, and the times of those that are done."""

    asked: int
    steps: dict[Stage, int]
    done: dict[Stage, list[Times]] = field(default_factory=lambda: {stage: [] for stage in Stage})

    @property
    def stage(self) -> Stage | None:
        """That of the next step; None after the last."""
        return next((stage for stage in Stage if len(self.done[stage]) < self.steps[stage]), None)

    @property
    def active(self) -> int:
        return self.steps[Stage.ACTIVE]

    @property
    def until_active(self) -> int:
        """Steps until the first one that is recorded, from the beginning."""
        return 1 + self.steps[Stage.BEFORE] + self.steps[Stage.COUNT] + self.steps[Stage.WARMUP]


def checked_steps(value: object) -> int:
    """Raises ValueError with a sentence for what is no number of steps that can be profiled."""
    if value is None:
        return USUAL_STEPS
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_STEPS:
        raise ValueError(f"from 1 to {MOST_STEPS} steps can be profiled")
    return value


def planned(steps: int, left: int, *, after: bool = True) -> Plan:
    """For `steps` to be profiled of the `left` that there are. Raises ValueError where these are too few."""
    beside = min(max(steps, LEAST_BESIDE), MOST_BESIDE)
    if left < beside + OVERHEAD + steps:
        beside = max(1, min(beside, (left - OVERHEAD) // 3))
        found = min(steps, left - OVERHEAD - beside)
        if found < 1:
            raise ValueError(f"too few steps are left to profile: {max(left, 0)}, and a profile takes at least {OVERHEAD + 2}")
        after = after and left >= 2 * beside + OVERHEAD + found
    else:
        found = steps
    return Plan(steps, {Stage.BEFORE: beside, Stage.COUNT: 1, Stage.WARMUP: 1, Stage.ACTIVE: found, Stage.AFTER: beside if after else 0})


def bounded_steps(steps: int, events: int) -> int:
    """So many steps that their trace stays bounded, where one has so many events."""
    return max(1, min(steps, MOST_EVENTS // max(events, 1)))


def typical(times: Sequence[Times]) -> list[int]:
    """The numbers of the half of the steps that took neither the shortest nor the longest: one that was held up tells nothing of the others."""
    ordered = sorted(range(len(times)), key=lambda number: step_seconds(times[number]))
    cut = len(ordered) // 4
    return sorted(ordered[cut : len(ordered) - cut])


def phase_means(times: Sequence[Times]) -> dict[StepPhase, float]:
    """The mean of each phase over the typical steps; together they are the mean step."""
    middle = [times[number] for number in typical(times)]
    return {phase: sum(each.get(phase, 0.0) for each in middle) / len(middle) for phase in StepPhase if middle and phase is not StepPhase.BETWEEN}


def step_seconds(times: Times) -> float:
    return sum(times.values())


def phase_rows(before: Sequence[Times], profiled: Sequence[Times]) -> Iterable[PhaseCost]:
    quiet, loud = phase_means(before), phase_means(profiled)
    for phase in loud:
        if quiet.get(phase, 0.0) or loud[phase]:
            yield PhaseCost(str(phase), quiet.get(phase, 0.0), loud[phase])
