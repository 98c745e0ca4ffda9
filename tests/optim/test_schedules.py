from __future__ import annotations

import copy
import math
from typing import Literal

import pytest
from torch.optim.lr_scheduler import ReduceLROnPlateau

from gradtop.trainer.checkpoint.encoding import encoded
from gradtop.trainer.optim.jump import jump
from gradtop.trainer.optim.lr_preview import planned_lr
from gradtop.trainer.optim.lr_scheduler import advance, scale
from gradtop.trainer.optim.optimizers.sgd import Sgd
from gradtop.trainer.optim.schedules import ScheduleConfig, Span
from gradtop.trainer.optim.schedules.constant import ConstantSchedule
from gradtop.trainer.optim.schedules.cosine import CosineSchedule
from gradtop.trainer.optim.schedules.one_cycle import OneCycleSchedule
from gradtop.trainer.optim.schedules.plateau import PlateauSchedule
from gradtop.trainer.optim.schedules.plateau.scheduler import Plateau
from gradtop.trainer.optim.schedules.step import StepSchedule
from tests.optim.formulas import LR, PER_EPOCH, SCHEDULES, STEPS, by_hand, train, training

every_schedule = pytest.mark.parametrize("config", SCHEDULES.values(), ids=SCHEDULES)


@every_schedule
def test_every_step_takes_the_learning_rate_of_the_formula(config: ScheduleConfig) -> None:
    taken = train(*training(config), STEPS)

    assert taken == pytest.approx([by_hand(config, step) for step in range(1, STEPS + 1)], abs=1e-12, rel=1e-12)


def test_a_cosine_takes_its_lowest_value_at_the_last_step_exactly() -> None:
    assert train(*training(CosineSchedule(min_lr=1e-3)), STEPS)[-1] == 1e-3


@every_schedule
def test_a_schedule_scaled_while_it_runs_is_the_scaled_schedule_from_then_on(config: ScheduleConfig) -> None:
    for after in (0, 3, 7, 20, 50):
        optimizer, schedule = training(config)
        train(optimizer, schedule, after)
        scale(optimizer, schedule, 0.25)
        rest = train(optimizer, schedule, STEPS - after)

        expected = [0.25 * by_hand(config, step) for step in range(after + 1, STEPS + 1)]
        assert rest == pytest.approx(expected, abs=1e-12, rel=1e-12)
        assert schedule.get_last_lr() == [optimizer.param_groups[0]["lr"]]


@every_schedule
def test_a_schedule_put_where_training_stands_is_as_if_it_had_been_stepped(config: ScheduleConfig) -> None:
    whole = train(*training(config), STEPS)
    for after in (0, 6, 7, 33, STEPS):
        optimizer, schedule = training(config)
        advance(schedule, after)
        assert train(optimizer, schedule, STEPS - after) == whole[after:]


@every_schedule
def test_a_schedule_that_jumps_to_where_training_stands_goes_on_as_if_it_had_been_stepped_but_for_rounding(config: ScheduleConfig) -> None:
    whole = train(*training(config), STEPS)
    for after in (1, 6, 7, 33, STEPS):
        optimizer, schedule = training(config)
        train(optimizer, schedule, 1)
        assert jump(schedule, after)
        assert train(optimizer, schedule, STEPS - after) == pytest.approx(whole[after:], abs=1e-12, rel=1e-12)


@every_schedule
def test_every_schedule_has_a_formula_so_that_no_billion_of_steps_is_taken(config: ScheduleConfig) -> None:
    _, schedule = training(config, 1_000_000_000)

    assert jump(schedule, 999_999_999)


@every_schedule
def test_a_schedule_put_back_from_a_checkpoint_goes_on_bit_for_bit(config: ScheduleConfig) -> None:
    whole = train(*training(config), STEPS)
    for after in (0, 1, 6, 7, 8, 30, 47):
        optimizer, schedule = training(config)
        train(optimizer, schedule, after)
        state = encoded({"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()})

        optimizer, schedule = training(config)
        optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        schedule.load_state_dict(copy.deepcopy(state["schedule"]))

        assert train(optimizer, schedule, STEPS - after) == whole[after:]


@every_schedule
def test_the_shortest_trainings_step_to_their_end(config: ScheduleConfig) -> None:
    for steps in (1, 2, 3):
        assert all(0 <= lr <= LR for lr in train(*training(config, steps), steps))


@pytest.mark.parametrize("kind", [ConstantSchedule(), CosineSchedule()])
def test_a_change_that_was_made_live_survives_a_checkpoint(kind: ScheduleConfig) -> None:
    config = kind.model_copy(update={"warmup_steps": 7})
    optimizer, schedule = training(config)
    train(optimizer, schedule, 4)
    scale(optimizer, schedule, 3.0)
    state = encoded({"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()})
    rest = train(optimizer, schedule, STEPS - 4)

    optimizer, schedule = training(config)
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])

    assert train(optimizer, schedule, STEPS - 4) == rest


@pytest.mark.parametrize("kind", [ConstantSchedule(), StepSchedule(), CosineSchedule()])
def test_without_a_warm_up_nothing_is_combined(kind: ScheduleConfig) -> None:
    assert not hasattr(training(kind)[1], "_schedulers")


def with_losses(config: PlateauSchedule, losses: list[float], *, put_back_after: int = -1, scale_after: int = -1) -> list[float]:
    """The learning rate of the first step of each epoch."""
    optimizer, schedule = training(config)
    rates = []
    for epoch, loss in enumerate(losses):
        rates.append(train(optimizer, schedule, PER_EPOCH)[0])
        assert isinstance(schedule, Plateau)
        schedule.evaluated(loss)
        if epoch == put_back_after:
            state = copy.deepcopy((optimizer.state_dict(), schedule.state_dict()))
            optimizer, schedule = training(config)
            optimizer.load_state_dict(state[0])
            schedule.load_state_dict(state[1])
        if epoch == scale_after:
            scale(optimizer, schedule, 0.5)
    return rates


LOSSES = [1.0, 0.9, 0.9, 0.95, math.nan, 0.5, 0.5, 0.5, 0.5, 0.5]


@pytest.mark.parametrize("put_back_after", range(-1, 9))
def test_a_plateau_lowers_the_learning_rate_where_the_loss_no_longer_falls(put_back_after: int) -> None:
    config = PlateauSchedule(factor=0.1, patience=1, min_lr=1e-3)

    rates = with_losses(config, LOSSES, put_back_after=put_back_after)

    assert rates == pytest.approx([LR] * 4 + [0.02] * 4 + [2e-3] * 2)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_plateau_of_a_metric_that_is_to_rise_is_that_of_torch_and_works_below_zero(sign: float) -> None:
    """As R², which rises to 1 from below 0; torch's own is right above 0 alone."""
    values = [0.2, 0.5, 0.50001, 0.50002, 0.8, 0.8, 0.8] if sign > 0 else [-0.8, -0.5, -0.49999, -0.49998, -0.2, -0.2, -0.2]
    config = PlateauSchedule(factor=0.1, patience=1, threshold=1e-3)
    rates = with_losses(config, [-value for value in values])
    assert rates == pytest.approx([LR] * 4 + [0.02] * 3)
    optimizer, _ = training(config)
    reference = ReduceLROnPlateau(optimizer, "max", factor=0.1, patience=1, threshold=1e-3)
    wanted = []
    for value in values:
        wanted.append(optimizer.param_groups[0]["lr"])
        reference.step(value)
    assert (rates == pytest.approx(wanted)) == (sign > 0)


def test_what_a_plateau_lowered_no_warm_up_takes_back() -> None:
    for shape in ("linear", "cosine"):
        config = PlateauSchedule(factor=0.1, patience=0, warmup_steps=7, warmup_shape=shape)

        rates = with_losses(config, [1.0] * 6)

        assert rates[2:] == pytest.approx([LR, LR / 10, LR / 100, LR / 1000])


def test_the_lower_bound_of_a_plateau_is_scaled_too() -> None:
    rates = with_losses(PlateauSchedule(factor=0.1, patience=0, min_lr=0.02), [1.0] * 5, scale_after=2)

    assert rates == pytest.approx([LR, LR, 0.02, 0.01, 0.01])


@pytest.mark.parametrize("shape", ["cos", "linear"])
@pytest.mark.parametrize("steps", [2, 3, 7, 13, 90, 100])
def test_one_cycle_peaks_at_the_highest_of_its_steps(steps: int, shape: Literal["cos", "linear"]) -> None:
    for rise in (0.01, 0.29, 0.3, 0.33, 0.5, 0.9, 0.99):
        config = OneCycleSchedule(rise=rise, shape=shape)
        rates = dict(planned_lr(config, Sgd(lr=LR), total_steps=steps, steps_per_epoch=45))
        for turn in config.turns_within(Span(steps, 45)):
            assert rates[turn.step] == pytest.approx(max(rates.values()), rel=1e-12)
