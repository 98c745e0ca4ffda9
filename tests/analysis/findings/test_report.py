from __future__ import annotations

import math
from pathlib import Path

import pytest

from gradtop.trainer.analysis.findings import Severity
from gradtop.trainer.record import RunState
from tests.analysis.findings.written import Written


@pytest.fixture
def run(tmp_path: Path) -> Written:
    return Written(tmp_path)


def falling(steps: int) -> list[float]:
    return [2.3 * math.exp(-4 * step / steps) + 0.1 for step in range(steps)]


def test_where_nothing_is_wrong_it_says_over_how_many_steps(run: Written) -> None:
    found = run.steps(falling(600)).report
    assert (found.findings, found.text(), found.tone, found.verdict()) == ((), "✓ nothing wrong", "success", "nothing wrong in 600 steps")


def test_before_there_are_steps_enough_nothing_is_claimed(run: Written) -> None:
    assert run.steps([1.0] * 3).report.text() == ""


def test_a_run_that_failed_is_never_well(run: Written) -> None:
    run.steps(falling(100)).says(state=RunState.FAILED, error="the loss is not finite at step 3")
    assert run.report.text() == "✕ failed"
    assert run.finding("failed").sentence == "failed at step 100: the loss is not finite at step 3"


def test_an_error_comes_before_a_warning(run: Written) -> None:
    run.steps([*falling(100), math.nan]).says(dropped=12)
    assert [finding.severity for finding in run.report.findings] == [Severity.ERROR, Severity.WARNING]
    assert run.report.text() == "✕ loss not finite · 1 more"


@pytest.mark.parametrize("norm", [1e-3, 0.5, 1e4])
def test_the_size_of_the_total_norm_alone_is_no_verdict(run: Written, norm: float) -> None:
    assert run.steps(falling(100), grad_norm=[norm] * 100).report.healthy


def test_records_that_were_lost_are_said(run: Written) -> None:
    run.steps(falling(100)).says(dropped=12)
    assert run.finding("records-lost").sentence == "12 records were lost: the curves have gaps"
