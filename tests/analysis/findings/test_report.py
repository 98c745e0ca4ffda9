from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from gradtop.trainer.analysis.findings import Severity, report
from gradtop.trainer.analysis.findings.rules import RULES
from gradtop.trainer.record import Column, RunReader, RunState, SegmentWriter
from gradtop.trainer.record.streams.registry import STEPS, columns_of
from tests.analysis.findings.written import Written, around, falling


@pytest.fixture
def run(tmp_path: Path) -> Written:
    return Written(tmp_path)


@pytest.mark.parametrize("steps", [20, 50, 200, 500, 3000, 20_000])
@pytest.mark.parametrize("noise", [0.02, 0.3])
def test_where_nothing_is_wrong_it_says_over_how_many_steps(run: Written, steps: int, noise: float) -> None:
    found = run.steps(falling(steps, noise=noise)).report
    assert found.present == ()
    assert (found.text(), found.tone, found.all_clear()) == ("✓ nothing wrong", "success", f"nothing wrong in {steps:,} steps".replace(",", "\u202f"))


def test_before_there_are_steps_enough_nothing_is_claimed(run: Written) -> None:
    assert run.steps([1.0] * 3).report.text() == ""


def test_a_run_that_failed_is_never_well(run: Written) -> None:
    run.steps(falling(100)).says(state=RunState.FAILED, error="the loss is not finite at step 3")
    assert run.report.text() == "✕ failed at step 100"
    assert run.finding("failed").sentence == "failed: the loss is not finite at step 3"


def test_a_run_that_died_is_never_well(run: Written) -> None:
    run.steps(falling(100)).says(state=RunState.TRAINING, host="elsewhere", updated=time.time() - 3600)
    assert run.names == ["died"]


def test_early_stopping_is_a_note_and_the_run_is_well(run: Written) -> None:
    run.steps(falling(100)).says(stopped_early=5, epoch=9, epochs=40, best_epoch=4)
    assert run.finding("stopped-early").sentence == "stopped early at epoch 9 of 40: no lower val loss in 5 evaluations"
    assert run.report.healthy


def test_an_error_comes_before_a_warning_and_the_others_are_counted(run: Written) -> None:
    run.steps([*falling(100), math.nan]).says(dropped=12)
    assert [finding.severity for finding in run.report.findings] == [Severity.ERROR, Severity.WARNING]
    assert run.report.text() == "✕ loss not finite at 101 · 1 more"
    assert run.report.cell() == "✕ loss not finite at 101 +1"


def test_what_has_passed_is_kept_and_is_not_the_worst(run: Written) -> None:
    run.steps([*falling(100), *around(3.0, 10), *around(0.1, 300)])
    assert run.finding("loss-spike").passed
    assert run.report.text() == "✓ nothing wrong"


@pytest.mark.parametrize("norm", [1e-3, 0.5, 1e4])
def test_the_size_of_the_total_norm_alone_is_no_finding(run: Written, norm: float) -> None:
    assert run.steps(falling(100), grad_norm=[norm] * 100).report.healthy


def test_records_that_were_lost_are_said(run: Written) -> None:
    run.steps(falling(100)).says(dropped=12)
    assert run.finding("records-lost").sentence == "12 records were lost: the curves have gaps"


def test_every_rule_has_a_name_of_its_own_and_says_threshold_and_source() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        text = rule.look.__doc__ or ""
        assert "Threshold: " in text and "Source: " in text, rule.name  # noqa: PT018


def test_a_run_without_anything_has_no_findings(run: Written) -> None:
    assert run.report.findings == ()


@pytest.mark.parametrize("value", [1e308, 5e-324, 0.0, -1e308, math.inf, math.nan])
def test_any_number_is_judged(tmp_path: Path, value: float) -> None:
    run = Written(tmp_path, "[optimizer]\nkind = 'sgd'\nlr = inf\n[training]\nearly_stopping = inf\nclip = inf\n")
    for losses in ([value] * 60, [1.0, value] * 60, falling(100) + [value] * 40):
        run.steps(losses, lr=losses, grad_norm=losses, clipped=losses, loading=losses)
    run.evals([1.0, value, 0.5, *[value] * 8, 1e308, 2.0]).layers({"a.weight": {"grad_norm": [1.0, value, value, 1e-300]}, "b.weight": {"weight_norm": [5e-324, value, 1e308, 1.0]}}, [1, 50, 90, 99])
    run.activations({name: {"std": [std, value]} for name, std in (("a", 1e308), ("b", 5e-324), ("c", 1.0), ("d", value))}, [2, 50])
    assert run.report.steps


def test_a_long_run_costs_little_and_what_is_new_in_it_almost_nothing(run: Written) -> None:
    """Not of time, which other programs change: of how much is read."""
    writer = SegmentWriter(run.run, STEPS, [Column(each.name, each.unit, each.sparse) for each in columns_of(STEPS)])
    losses = falling(1000)
    width = len(columns_of(STEPS))
    for step in range(1, 60_001):
        writer.append(step, 1e9 + step, [losses[min(step // 60, 999)], 1e-3, *[math.nan] * (width - 2)])
    run.says(step=60_000, steps=120_000)
    reader = RunReader(run.run)
    reader.refresh()
    assert report(reader).healthy
    reads: list[int] = []
    segment = reader.stream(STEPS).segments[0]
    read = segment._read

    def counted(size: int, offset: int, *, rollup: bool = False) -> bytes:
        reads.append(size)
        return read(size, offset, rollup=rollup)

    segment._read = counted  # type: ignore[method-assign]
    for step in range(60_001, 60_051):
        writer.append(step, 1e9 + step, [0.1, 1e-3, *[math.nan] * (width - 2)])
    writer.close()
    assert report(reader).steps == 60_050
    assert sum(reads) < 60_000
