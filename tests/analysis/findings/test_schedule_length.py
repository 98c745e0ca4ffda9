"""What the planned learning rates say of a run before it takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.analysis.lr_turns import DECAYS
from gradtop.trainer.config import parse_config
from gradtop.trainer.optim.lr_preview import planned_lr
from gradtop.trainer.record import SegmentWriter
from gradtop.trainer.record.streams.registry import PLAN, columns_of
from tests.analysis.findings.written import Written, falling

STEPS, PER_EPOCH = 1000, 100


def configured(schedule: str, steps: int = STEPS, lr: float = 0.1) -> str:
    return f'[optimizer]\nkind = "sgd"\nlr = {lr}\n[schedule]\n{schedule}\n[training]\nsteps = {steps}\n'


def planned(folder: Path, schedule: str, *, taken: int = 30, steps: int = STEPS, began: int = 0, lr: float = 0.1) -> Written:
    """A healthy run of so many steps, of which some are taken, as its worker plans it."""
    text = configured(schedule, steps, lr)
    run = Written(folder, text).steps(falling(taken, end=1.0), planned=steps).says(began=began, steps_per_epoch=PER_EPOCH)
    plan(run, text, steps, after=began)
    return run


def plan(run: Written, text: str, steps: int, *, after: int = 0) -> None:
    config = parse_config(text)
    writer = SegmentWriter(run.run, PLAN, columns_of(PLAN), first_step=after + 1, extra={DECAYS: config.schedule.decays_over})
    for step, lr in planned_lr(config.schedule, config.optimizer, total_steps=steps, steps_per_epoch=PER_EPOCH):
        if step > after:
            writer.append(step, 1e9, [lr])
    writer.close()


FITTING = (
    'kind = "constant"',
    'kind = "constant"\nwarmup_steps = 1000',
    'kind = "cosine"',
    'kind = "cosine"\nwarmup_epochs = 9',
    'kind = "cosine"\nmin_lr = 0.07',
    'kind = "linear"',
    'kind = "polynomial"\npower = 8',
    'kind = "one_cycle"',
    'kind = "one_cycle"\nrise = 0.95',
    'kind = "wsd"',
    'kind = "wsd"\ndecay = 0.01',
    'kind = "plateau"',
    'kind = "step"\nstep_size = 4',
    'kind = "step"\nstep_size = 2',
    'kind = "step"\nstep_size = 100',
    'kind = "multistep"\nmilestones = [3, 6, 9]',
    'kind = "multistep"\nmilestones = [15, 25]',
    'kind = "exponential"\ngamma = 0.95',
    'kind = "exponential"\ngamma = 1',
    'kind = "exponential"\ngamma = 0.9931\nunit = "steps"',
    'kind = "cosine_restarts"\nperiod = 10',
    'kind = "cosine_restarts"\nperiod = 5',
    'kind = "cosine_restarts"\nperiod = 1',
    'kind = "cosine_restarts"\nperiod = 2\ngrowth = 2',
)


@pytest.mark.parametrize("schedule", FITTING)
def test_a_schedule_that_fits_has_no_finding(tmp_path: Path, schedule: str) -> None:
    assert planned(tmp_path, schedule).report.findings == ()


@pytest.mark.parametrize("schedule", ['kind = "cosine"', 'kind = "wsd"', 'kind = "one_cycle"'])
def test_nor_has_it_one_at_its_end(tmp_path: Path, schedule: str) -> None:
    assert planned(tmp_path, schedule, taken=STEPS).report.findings == ()


@pytest.mark.parametrize(
    ("schedule", "share"),
    [
        ('kind = "exponential"\ngamma = 0.95\nunit = "steps"', 0.87),
        ('kind = "step"\nstep_size = 1\ngamma = 0.1', 0.6),
        ('kind = "step"\nstep_size = 1\ngamma = 0.1\nunit = "steps"', 0.99),
        ('kind = "multistep"\nmilestones = [3]\ngamma = 1e-4', 0.7),
        ('kind = "polynomial"\npower = 40', 0.84),
    ],
)
@pytest.mark.parametrize("taken", [1, STEPS])
def test_a_schedule_that_runs_out_is_told_of_from_the_first_step_on(tmp_path: Path, schedule: str, share: float, taken: int) -> None:
    found = planned(tmp_path, schedule, taken=taken).finding("lr-over")
    assert (found.severity, found.passed) == ("warning", False)
    assert found.since_step == pytest.approx((1 - share) * STEPS, abs=20)
    assert found.evidence["steps"] == pytest.approx(share * STEPS, abs=20)


def test_an_lr_that_falls_by_steps_is_told_to_fall_by_epochs(tmp_path: Path) -> None:
    assert "schedule.unit=epochs" in planned(tmp_path / "steps", 'kind = "exponential"\ngamma = 0.95\nunit = "steps"').finding("lr-over").advice
    assert "schedule.unit" not in planned(tmp_path / "epochs", 'kind = "step"\nstep_size = 1').finding("lr-over").advice


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ('kind = "cosine"\nwarmup_epochs = 10', "ends with lr 0.0999, > 99 % of its highest: its warm-up leaves no step"),
        ('kind = "linear"\nwarmup_steps = 999', "ends with lr 0.1, 100 % of its highest: its warm-up leaves no step"),
        ('kind = "cosine"\nmin_lr = 0.09', "90 % of its highest: schedule.min_lr is 0.09"),
        ('kind = "wsd"\ndecay = 0.001', "100 % of its highest"),
    ],
)
def test_a_decay_that_never_comes_is_told_of_from_the_first_step_on(tmp_path: Path, schedule: str, why: str) -> None:
    run = planned(tmp_path, schedule, taken=1)
    assert run.names == ["lr-not-decayed"]
    assert why in run.finding("lr-not-decayed").sentence


@pytest.mark.parametrize("schedule", ['kind = "cosine_restarts"\nperiod = 40', 'kind = "cosine_restarts"\nperiod = 9'])
def test_a_run_that_ends_soon_after_a_restart_is_noted(tmp_path: Path, schedule: str) -> None:
    run = planned(tmp_path, schedule)
    assert (run.names, run.finding("lr-not-decayed").severity) == ([], "note")
    assert "soon after a cycle began" in run.finding("lr-not-decayed").sentence


@pytest.mark.parametrize("schedule", ['kind = "cosine"', 'kind = "wsd"\ndecay = 0.1'])
def test_of_a_run_of_a_few_steps_nothing_is_said(tmp_path: Path, schedule: str) -> None:
    for steps in (1, 2, 3, 19):
        assert planned(tmp_path / str(steps), schedule, taken=1, steps=steps).report.findings == ()


@pytest.mark.parametrize("schedule", ['kind = "cosine"\nmin_lr = 0.01', 'kind = "multistep"\nmilestones = [2, 4, 6]', 'kind = "cosine"'])
def test_a_fork_of_the_last_steps_is_judged_by_the_rates_that_it_takes(tmp_path: Path, schedule: str) -> None:
    assert planned(tmp_path, schedule, taken=905, began=900).report.findings == ()


def test_a_learning_rate_that_was_lowered_by_hand_is_no_schedule(tmp_path: Path) -> None:
    run = planned(tmp_path, 'kind = "constant"', taken=300)
    plan(run, configured('kind = "constant"', lr=1e-6), STEPS, after=200)
    assert run.says(changes={"optimizer.lr": 1e-6}).names == []


def test_a_run_that_is_made_longer_is_judged_by_its_new_end(tmp_path: Path) -> None:
    text = 'kind = "multistep"\nmilestones = [3]\ngamma = 1e-4'
    run = planned(tmp_path, text, steps=500)
    assert run.report.findings == ()
    run.says(steps=STEPS)
    assert run.report.findings == ()  # not planned yet
    plan(run, configured(text), STEPS, after=30)
    assert run.names == ["lr-over"]
