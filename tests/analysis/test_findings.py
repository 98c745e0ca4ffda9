from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.analysis.findings import Finding, findings
from gradtop.trainer.record import Column, Run, RunReader, RunState, SegmentWriter, Status, new_run, write_status

HEALTHY = (1.0, 100.0)
Steps = Callable[..., tuple[Finding, ...]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return new_run(tmp_path, "", {"name": "quiet-heron"}, name="quiet-heron")


@pytest.fixture
def found(run: Run) -> Steps:
    """Findings about a run of these losses, norms, clip hits and validation losses."""

    def judge(
        losses: list[float], *, norms: list[float] | None = None, clipped: list[float] | None = None, evals: list[float] | None = None
    ) -> tuple[Finding, ...]:
        steps = SegmentWriter(run, "steps", [Column("loss"), Column("grad_norm", sparse=True), Column("clipped", sparse=True)])
        for step, loss in enumerate(losses, 1):
            norm = norms[step - 1] if norms else 5.0
            steps.append(step, 0.0, [loss, norm, clipped[step - 1] if clipped else 0.0])
        steps.close()
        writer = SegmentWriter(run, "evals", [Column("epoch"), Column("loss")])
        for epoch, loss in enumerate(evals or [], 1):
            writer.append(epoch * 10, 0.0, [epoch, loss])
        writer.close()
        reader = RunReader(run)
        reader.refresh()
        for name in ("steps", "evals"):
            reader.stream(name).refresh()
        return findings(reader, HEALTHY)

    return judge


def test_where_nothing_is_wrong_it_says_over_how_many_steps(found: Steps) -> None:
    (finding,) = found([1.0] * 600)
    assert finding == Finding("success", "nothing wrong in the last 500 steps")
    assert finding.symbol == "✓"


def test_before_the_first_step_nothing_is_claimed(found: Steps) -> None:
    assert found([]) == ()


@pytest.mark.parametrize(("skipped", "said"), [(0, ""), (6, ""), (7, "the gradient scaler skipped 7 of 120 steps: ")])
def test_a_scaler_that_skips_many_steps_is_said(run: Run, found: Steps, skipped: int, said: str) -> None:
    write_status(run, Status(step=150, began=30, skipped_steps=skipped))
    (finding,) = found([1.0] * 120)
    assert finding.tone == ("warning" if said else "success")
    assert finding.text.startswith(said)


def test_a_loss_that_is_not_finite_comes_first(found: Steps) -> None:
    first, second = found([1.0] * 30 + [math.nan] + [1.0] * 30, norms=[1000.0] * 61)
    assert first == Finding("error", "the loss is not finite at step 31: lower the lr, clip, or look for bad data")
    assert second.tone == "warning"


def test_many_losses_that_are_not_finite_are_counted(found: Steps) -> None:
    assert "3 steps from 31" in found([1.0] * 30 + [math.inf, math.nan, -math.inf])[0].text


@pytest.mark.parametrize(
    ("norms", "words"),
    [
        ([150.0] * 10 + [5.0] * 90, "gradient norm above 100 in 10 % of the last 100 steps"),
        ([0.1] * 60 + [5.0] * 40, "gradient norm below 1 in 60 % of the last 100 steps"),
        ([150.0] * 4 + [5.0] * 96, "nothing wrong"),
        ([0.1] * 40 + [5.0] * 60, "nothing wrong"),
        ([0.1, math.nan] * 50, "gradient norm below 1 in 100 %"),
    ],
)
def test_gradient_norms_outside_the_healthy_band(found: Steps, norms: list[float], words: str) -> None:
    (finding,) = found([1.0] * 100, norms=norms)
    assert words in finding.text


def test_too_few_norms_are_not_judged(found: Steps) -> None:
    assert found([1.0] * 10, norms=[1e6] * 10)[0].tone == "success"


def test_clipping_that_rules_the_step_size(found: Steps) -> None:
    assert "clipped in 60 % of the last 100 steps" in found([1.0] * 100, clipped=[1.0] * 60 + [0.0] * 40)[0].text


def test_clipping_now_and_then_is_no_finding(found: Steps) -> None:
    assert found([1.0] * 100, clipped=[1.0] * 40 + [0.0] * 60)[0].tone == "success"


def test_a_validation_loss_that_rises_is_called_overfitting(found: Steps) -> None:
    (finding,) = found([1.0] * 100, evals=[0.9, 0.5, 0.52, 0.54, 0.56, 0.58, 0.6])
    assert finding.text == "val loss best at epoch 2 (0.5), 5 evaluations ago, now 20 % above: overfitting?"


def test_a_validation_loss_that_stands_still_is_no_overfitting(found: Steps) -> None:
    (finding,) = found([1.0] * 100, evals=[0.9, 0.5, 0.51, 0.51, 0.51, 0.51, 0.51])
    assert "overfitting" not in finding.text
    assert "5 evaluations ago" in finding.text


def test_a_best_value_that_is_recent_is_no_finding(found: Steps) -> None:
    assert found([1.0] * 100, evals=[0.9, 0.8, 0.7, 0.6, 0.5, 0.51, 0.52])[0].tone == "success"


def test_a_best_value_older_than_what_is_looked_at_is_still_the_best(run: Run, found: Steps) -> None:
    write_status(run, Status(state=RunState.TRAINING, best_val_loss=0.1))
    (finding,) = found([1.0] * 100, evals=[0.1] + [0.9] * 150 + [0.5] + [0.6] * 60)
    assert finding.text == "val loss best (0.1) before the last 200 evaluations, now 500 % above: overfitting?"


def test_records_that_were_lost_are_said(run: Run, found: Steps) -> None:
    write_status(run, Status(state=RunState.TRAINING, dropped=12))
    assert found([1.0] * 100)[0].text == "12 records were lost: the curves have gaps"
