from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.analysis.findings.written import LN10, Written, around, falling


@pytest.fixture
def run(tmp_path: Path) -> Written:
    return Written(tmp_path)


@pytest.mark.parametrize("losses", [[2.3, 1e9], [2.3, 2.4, 40.0, 90.0], [*around(2.3, 8), *around(9.0, 8)], [*falling(400), *around(4.0, 40)]])
def test_a_loss_far_above_its_start_has_diverged(run: Written, losses: list[float]) -> None:
    found = run.steps(losses).finding("diverged")
    assert found.severity == "error"
    assert "too high" in found.advice


@pytest.mark.parametrize("losses", [[2.3, 2.9], [2.3, 3.4, 3.1, 2.8, 2.5], [2.3, 4.0, 2.2, 2.1, 2.0, 1.9, 1.8], falling(400, noise=0.4), [*falling(400), 9.0]])
def test_a_loss_that_only_begins_with_a_jump_or_ends_with_one_has_not_diverged(run: Written, losses: list[float]) -> None:
    assert "diverged" not in run.steps(losses).names


def test_a_loss_that_falls_back_to_chance_for_good_has_collapsed(run: Written) -> None:
    found = run.steps([*falling(300), *around(LN10, 150)]).finding("diverged")
    assert found.title.startswith("collapsed at 30")
    assert found.since_step == pytest.approx(301, abs=6)


@pytest.mark.parametrize(("before", "after", "passed"), [(100, 0, False), (100, 15, False), (100, 300, True), (2000, 50, False), (20_000, 9000, True)])
def test_a_loss_that_is_not_finite_is_dated_and_passes(run: Written, before: int, after: int, passed: bool) -> None:
    found = run.steps([*falling(before), math.nan, *around(0.1, after)]).finding("loss-not-finite")
    assert (found.passed, found.since_step) == (passed, before + 1)


@pytest.mark.parametrize("steps", [60, 400, 5000])
def test_a_loss_that_stays_at_chance_is_not_learning(run: Written, steps: int) -> None:
    run.steps(around(LN10, steps)).knows(constant_loss=LN10).says(steps_per_epoch=50)
    assert run.finding("not-learning").sentence.endswith("is 2.30; a constant prediction has 2.30")


def test_a_loss_that_falls_to_chance_and_no_further_is_not_learning(run: Written) -> None:
    assert run.steps(falling(400, start=90.0, end=LN10, noise=0.01)).knows(constant_loss=LN10).names == ["not-learning"]
    assert run.report.healthy is False


def test_without_knowing_chance_the_start_is_the_measure(run: Written) -> None:
    assert run.steps(around(7.0, 400)).names == ["not-learning"]


@pytest.mark.parametrize(
    ("losses", "facts"),
    [
        (around(LN10, 59), {"constant_loss": LN10}),
        (falling(400, end=1.9), {"constant_loss": LN10}),
        ([*around(LN10, 150), *falling(150)], {"constant_loss": LN10}),
        (around(0.3, 400), {"constant_loss": LN10}),
    ],
    ids=["too early", "slowly", "late", "trained before"],
)
def test_a_loss_that_falls_or_is_low_is_learning(run: Written, losses: list[float], facts: dict[str, float]) -> None:
    assert "not-learning" not in run.steps(losses).knows(**facts).names


@pytest.mark.parametrize("level", [2.27, 1.9])
def test_a_training_loss_that_smoothing_or_mixing_keeps_up_is_no_fault_where_validation_is_good(tmp_path: Path, level: float) -> None:
    for place, (val_loss, healthy) in enumerate([(1.5, True), (2.29, False)]):
        run = Written(tmp_path / str(place)).steps(around(level, 600)).knows(constant_loss=LN10).says(steps_per_epoch=50)
        run.evals([2.295, val_loss + 0.01, val_loss], every=200)
        assert run.report.healthy is healthy, run.names


def test_a_warm_up_is_not_taken_for_a_loss_that_does_not_fall(run: Written) -> None:
    assert "not-learning" not in run.steps(around(LN10, 300), lr=[1e-3 * step / 1000 for step in range(300)]).knows(constant_loss=LN10).names


@pytest.mark.parametrize("before", [60, 812, 5000, 100_000])
def test_a_spike_is_found_at_its_step_and_passes_when_the_loss_is_back(run: Written, before: int) -> None:
    run.steps([*falling(before), *around(2.0, 12), *around(0.1, max(200, before // 4))])
    found = run.finding("loss-spike")
    assert found.passed
    assert found.since_step == pytest.approx(before + 6, abs=8)
    assert "recovered within" in found.sentence


def test_a_spike_that_has_not_recovered_is_present(run: Written) -> None:
    found = run.steps([*falling(800), *around(1.8, 30)]).finding("loss-spike")
    assert not found.passed
    assert "not recovered so far" in found.sentence


def test_spikes_that_come_again_and_again_are_present(run: Written) -> None:
    losses = around(0.3, 600)
    for step in (200, 350, 560):
        losses[step : step + 4] = around(2.0, 4)
    found = run.steps([*falling(200, end=0.3), *losses]).finding("loss-spike")
    assert (found.title, found.passed) == ("3 loss spikes", False)
    assert "lr-too-high" in run.names


@pytest.mark.parametrize("noise", [0.05, 0.3, 0.6])
@pytest.mark.parametrize("steps", [100, 1000, 10_000])
def test_noise_is_no_spike(run: Written, steps: int, noise: float) -> None:
    assert not [each for each in run.steps(falling(steps, noise=noise, seed=steps)).report.findings if each.name == "loss-spike"]


def test_high_losses_of_batches_that_do_not_follow_one_another_are_no_spike(run: Written) -> None:
    losses = [*falling(240, start=2.3, end=1.36, noise=0.03), *around(1.36, 960, noise=0.03)]
    losses[258], losses[265], losses[266] = 1.6, 1.58, 1.65
    assert not [each for each in run.steps(losses).report.findings if each.name == "loss-spike"]


def test_high_losses_of_batches_that_follow_one_another_are_a_spike(run: Written) -> None:
    losses = [*falling(240, start=2.3, end=1.36, noise=0.03), *around(1.36, 960, noise=0.03)]
    losses[264:267] = 1.9, 1.95, 1.95
    assert "loss-spike" in [each.name for each in run.steps(losses).report.findings]


def test_a_single_batch_of_a_well_fitted_model_is_no_spike(run: Written) -> None:
    losses = around(0.01, 2000, noise=0.8)
    losses[1500] = 0.5
    assert run.steps([*falling(500), *losses]).report.findings == ()


def test_little_learnt_late_in_training_is_underfitting(run: Written) -> None:
    assert run.steps(falling(400, end=2.0, noise=0.01)).knows(constant_loss=LN10).says(steps_per_epoch=50).names == ["underfitting"]
    assert "underfitting" not in run.says(steps=4000).names
    assert "underfitting" not in run.says(steps=400, steps_per_epoch=400).names


def test_a_loss_that_stands_while_the_lr_is_high_is_a_plateau_of_which_a_note_is_made(run: Written) -> None:
    run.steps([*falling(300, end=0.8), *around(0.8, 1500)])
    assert run.finding("plateau").severity == "note"
    assert run.report.healthy


def test_with_a_learning_rate_that_fell_a_loss_that_stands_is_the_end_of_training(run: Written) -> None:
    losses = [*falling(300, end=0.8), *around(0.8, 1500)]
    assert run.steps(losses, lr=[1e-3 * (1 - step / 1800) for step in range(1800)]).report.findings == ()


def test_a_loss_near_zero_at_once_may_be_a_leak(run: Written) -> None:
    assert run.steps(around(0.02, 100)).knows(constant_loss=LN10).names == ["leak"]


def test_a_learning_rate_that_has_run_out_while_the_loss_is_high(run: Written) -> None:
    losses = [*falling(200, end=1.9)]
    assert "lr-over" in run.steps(losses, planned=600, lr=[1e-3] * 100 + [1e-10] * 100).names


def test_a_schedule_that_ends_with_the_training_has_not_run_out(run: Written) -> None:
    assert "lr-over" not in run.steps(falling(200, end=1.9), lr=[1e-3 * (1 - step / 199) for step in range(200)]).names


@pytest.mark.parametrize(("skipped", "said"), [(6, False), (12, False), (13, True)])
def test_a_scaler_that_skips_many_steps_is_said(run: Written, skipped: int, said: bool) -> None:
    run.steps(falling(120)).says(skipped_steps=skipped)
    assert ("fp16-overflow" in run.names) == said
