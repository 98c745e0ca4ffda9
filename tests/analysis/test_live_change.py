"""What a live change does at once, from the two configurations and the learning rates of the next step."""

from __future__ import annotations

import pytest

from gradtop.trainer.analysis.live_change import (
    NO_CONSEQUENCES,
    LiveConsequences,
    NewLearningRate,
    live_consequences,
    new_learning_rate,
)
from gradtop.trainer.config import apply_overrides, parse_config

OLD = parse_config('[training]\nepochs = 10\n[schedule]\nkind = "cosine"\n[optimizer]\nlr = 0.1')


def found(*changes: str, step: int = 100, rates: tuple[float, float] | None = (0.05, 0.05)) -> LiveConsequences:
    return live_consequences(OLD, apply_overrides(OLD, list(changes)), step=step, per_epoch=45, rates=lambda: rates)


@pytest.mark.parametrize("changes", [("training.clip=1",), ("optimizer.lr=0.9",), ("training.epochs=11",)])
def test_what_leaves_the_learning_rate_where_it_is_has_no_consequences(changes: tuple[str, ...]) -> None:
    assert found(*changes) == NO_CONSEQUENCES


def test_fewer_steps_than_are_done_end_the_run() -> None:
    assert found("training.epochs=2", step=90) == found("training.steps=90", step=90) == LiveConsequences(ends=True, grave=True)
    assert found("training.epochs=3", step=90) == NO_CONSEQUENCES


@pytest.mark.parametrize(
    ("after", "said", "grave"), [(0.051, False, False), (0.06, True, False), (0.099, True, False), (0.1, True, True), (0.025, True, True), (0.0, True, True)]
)
def test_a_leap_is_said_and_is_grave_from_twice_or_half_on(after: float, said: bool, grave: bool) -> None:
    leap = found("training.epochs=40", rates=(0.05, after))
    assert leap == (LiveConsequences(lr=(0.05, after), grave=grave) if said else NO_CONSEQUENCES)


def test_a_learning_rate_that_was_asked_for_is_no_leap() -> None:
    assert found("training.epochs=11", "optimizer.lr=1", rates=(0.05, 0.5)) == NO_CONSEQUENCES
    assert found("schedule.kind=constant", "optimizer.lr=1", rates=(0.05, 1.0)) == NO_CONSEQUENCES
    assert found("schedule.kind=constant", rates=(0.05, 0.1)).grave


def test_what_is_not_known_must_be_confirmed() -> None:
    assert found("training.epochs=40", rates=None) == LiveConsequences(grave=True, unknown=True)


def test_a_learning_rate_that_scales_its_schedule_is_told_with_the_lower_bound_that_follows_it() -> None:
    old = apply_overrides(OLD, ["schedule.min_lr=1e-3"])
    new = apply_overrides(old, ["optimizer.lr=0.05"])
    assert live_consequences(old, new, step=100, per_epoch=45, rates=lambda: None, now=0.04) == LiveConsequences(lr=(0.04, 0.02))
    assert new_learning_rate(old, new, 0.04) == NewLearningRate(0.04, 0.02, 0.05, 0.5, (1e-3, 5e-4))
    assert new_learning_rate(old, apply_overrides(new, ["schedule.min_lr=2e-3"]), 0.04).min_lr is None
    assert new_learning_rate(OLD, apply_overrides(OLD, ["optimizer.lr=0.05"]), 0.04).min_lr is None
    constant = apply_overrides(OLD, ["schedule.kind=constant"])
    assert live_consequences(constant, apply_overrides(constant, ["optimizer.lr=0.05"]), step=1, per_epoch=45, rates=lambda: None, now=0.1) == NO_CONSEQUENCES
