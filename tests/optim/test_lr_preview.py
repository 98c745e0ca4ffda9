from __future__ import annotations

import pytest

from gradtop.trainer.optim import lr_preview as planned
from gradtop.trainer.optim.lr_preview import planned_lr
from gradtop.trainer.optim.optimizers.sgd import Sgd
from gradtop.trainer.optim.schedules import ScheduleConfig, Span
from gradtop.trainer.optim.schedules.cosine import CosineSchedule
from gradtop.trainer.optim.schedules.step import StepSchedule
from tests.optim.formulas import LR, PER_EPOCH, SCHEDULES, STEPS, by_hand, train, training


@pytest.mark.parametrize("config", SCHEDULES.values(), ids=SCHEDULES)
def test_a_short_plan_is_what_training_takes_bit_for_bit(config: ScheduleConfig) -> None:
    plan = planned_lr(config, Sgd(lr=LR), total_steps=STEPS, steps_per_epoch=PER_EPOCH)

    assert plan == list(enumerate(train(*training(config), STEPS), 1))


def test_a_long_plan_is_thinned_and_every_turn_is_in_it() -> None:
    config = StepSchedule(step_size=700, gamma=0.5, warmup_steps=333)
    steps = 50_000

    plan = planned_lr(config, Sgd(lr=LR), total_steps=steps, steps_per_epoch=PER_EPOCH)

    assert 1000 < len(plan) <= planned.POINTS
    assert [lr for _, lr in plan] == pytest.approx([by_hand(config, step, steps=steps) for step, _ in plan], abs=1e-12, rel=1e-12)
    turns = {1, 333, 334, steps} | {side for drop in range(3500, steps, 3500) for side in (drop, drop + 1)}
    assert turns <= {step for step, _ in plan}


def test_a_plan_with_more_drops_than_points_is_still_bounded() -> None:
    config = StepSchedule(step_size=1, gamma=0.999)

    points = planned.points_of(config, Span(1_000_000, 10))

    assert len(points) <= planned.POINTS
    assert (points[0], points[-1]) == (1, 1_000_000)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_shortest_trainings_have_a_plan(steps: int) -> None:
    plan = planned_lr(CosineSchedule(warmup_steps=1), Sgd(lr=LR), total_steps=steps, steps_per_epoch=1)

    assert [step for step, _ in plan] == list(range(1, steps + 1))
