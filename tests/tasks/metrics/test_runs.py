"""Whole runs whose evaluations measure more than their task does."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from gradtop.trainer.inference.evaluation import evaluate_checkpoint
from gradtop.trainer.launch.custom_code import code_of_run, remember
from gradtop.trainer.record import Run, read_status
from gradtop.trainer.runtime.worker import work
from gradtop.tui.cli.main import main
from tests.tasks.support import task_run
from tests.training.runs import check_alike, events, rows, stop_and_resume, tiny_run, trained

MINE = "tests.tasks.metrics.mine"
ADDED = f'"auroc", "matthews_corrcoef", "top2_accuracy", "{MINE}:error_rate"'
SAMPLES = 100  # of the validation set
MEASURED = ("auroc", "matthews_corrcoef", "top2_accuracy", "error_rate")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = tiny_run(tmp_path_factory.mktemp("measured"), f'metrics = [{ADDED}, "{MINE}:raising"]\nmonitor = "auroc"')
    trained(run)
    return run


def test_added_metrics_stand_in_stream_status_and_events(measured: Run) -> None:
    status = read_status(measured)
    recorded = dict(zip(MEASURED, rows(measured, "evals", *MEASURED)[-1][1:], strict=True))
    assert {name: status.metrics[name] for name in MEASURED} == pytest.approx(recorded)
    assert events(measured, "epoch")[-1]["metrics"].keys() >= set(MEASURED)
    assert recorded["error_rate"] == pytest.approx(1 - (status.val_accuracy or math.nan))
    assert 0 <= recorded["auroc"] <= 1
    assert status.baselines["auroc"] == 0.5
    assert status.beside_loss == "accuracy"


def test_the_best_evaluation_is_by_the_added_metric(measured: Run) -> None:
    status = read_status(measured)
    areas = [area for _, area in rows(measured, "evals", "auroc")]
    assert (status.monitor, status.monitor_mode, status.best_epoch) == ("auroc", "max", 1 + areas.index(max(areas)))


def test_a_metric_that_raises_costs_its_value_and_is_said_once(measured: Run) -> None:
    said = [event["message"] for event in events(measured, "warning") if "raising" in event["message"]]
    assert said == [f"training.metrics: {MINE}:raising raised ValueError: not of {SAMPLES} samples"]
    assert all(math.isnan(value) for _, value in rows(measured, "evals", "raising"))


def test_a_checkpoint_is_evaluated_with_them_as_it_was_recorded(measured: Run) -> None:
    found = evaluate_checkpoint(measured, max(measured.checkpoints.glob("*.pt")))
    assert found["as_recorded"]
    assert set(MEASURED) <= set(found["metrics"])
    assert found["notes"] == [f"training.metrics: {MINE}:raising raised ValueError: not of {SAMPLES} samples"]


def test_show_and_ls_tell_them(measured: Run, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: object) -> str:
        assert main([str(word) for word in words]) == 0
        return capsys.readouterr().out

    assert "AUROC" in said("show", measured.path)
    listed = json.loads(said("ls", "--runs", measured.path.parent, "--json"))
    (row,) = listed["runs"] if isinstance(listed, dict) else listed
    assert set(MEASURED) <= set(row["metrics"])
    assert "auroc" in said("plot", measured.path, "auroc").lower()


def test_a_run_that_was_stopped_and_resumed_measures_the_same(tmp_path: Path) -> None:
    whole, parted = (tiny_run(tmp_path / name, f'metrics = [{ADDED}]\nmonitor = "auroc"') for name in ("whole", "parted"))
    trained(whole)
    stop_and_resume(parted, 3, 11)
    check_alike(whole, parted)
    assert rows(whole, "evals", *MEASURED) == rows(parted, "evals", *MEASURED)


def test_what_only_the_data_tell_does_not_fit_is_said_with_what_does(tmp_path: Path) -> None:
    run = task_run(tmp_path, 'kind = "auto"', "tags", training='metrics = ["mape"]')
    remember(code_of_run(run))
    assert work(run) != 0
    assert read_status(run).error == "training.metrics: mape requires numbers as targets, and these data have labels of tokens (task.kind is auto); there are top5_accuracy, calibration_error, and code of yours"


def test_code_of_a_metric_is_code_that_must_be_known(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 'metrics = ["os:mkdir", "auroc"]')
    assert [(code.key, code.target) for code in code_of_run(run)] == [("training.metrics", "os:mkdir")]
