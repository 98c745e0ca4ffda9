"""Whole runs whose evaluations measure more than their task does."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from gradtop.trainer.config import load_config
from gradtop.trainer.inference.evaluation import evaluate_checkpoint
from gradtop.trainer.launch.custom_code import code_of_run, remember
from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.server.config_check import check_config
from gradtop.trainer.training import check_metrics
from gradtop.tui.cli.main import main
from tests.tasks.metrics import mine
from tests.tasks.support import task_run
from tests.training.own_task_configs import NESTED, PROJECT, own_task_config
from tests.training.runs import check_alike, events, rows, stop_and_resume, tiny_run, trained

MINE = "tests.tasks.metrics.mine"
ADDED = f'"auroc", "matthews_corrcoef", "top2_accuracy", "{MINE}:error_rate"'
SAMPLES = 100  # of the validation set
MEASURED = ("auroc", "matthews_corrcoef", "top2_accuracy", "error_rate")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = tiny_run(tmp_path_factory.mktemp("measured"), f'metrics = [{ADDED}, "{MINE}:late"]\nmonitor = "auroc"')
    mine.late.called, mine.late.times = 0, 2  # before training, and in the first epoch
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


def test_a_metric_that_raises_once_training_has_begun_costs_its_value_and_is_said_once(measured: Run) -> None:
    said = [event["message"] for event in events(measured, "warning") if "late" in event["message"]]
    assert said == [f"training.metrics: {MINE}:late raised ValueError: not of {SAMPLES} samples"]
    assert [math.isnan(value) for _, value in rows(measured, "evals", "late")] == [False, True]


def test_a_metric_that_raises_before_training_ends_the_run_and_the_check_of_its_config(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, f'metrics = ["{MINE}:raising", "auroc", "{MINE}:words"]')
    wanted = f"training.metrics: {MINE}:raising raised ValueError: not of {SAMPLES} samples; training.metrics: {MINE}:words returned str; one number is expected"
    remember(code_of_run(run))
    assert work(run) == 1
    status = read_status(run)
    assert (status.error, status.step) == (wanted, 0)
    with pytest.raises(UserError) as caught:
        check_config(load_config(run.config), tmp_path, lambda _: None)
    assert str(caught.value) == wanted


def test_what_the_first_batch_is_too_small_for_is_computed_of_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_metrics, "evaluation_batch", lambda *_: 8)
    run = tiny_run(tmp_path, f'metrics = ["{MINE}:whole"]', epochs=1)
    trained(run)
    assert rows(run, "evals", "whole")[-1][1] == 0.5


@pytest.mark.parametrize("task", ["", "own"])
def test_a_monitored_metric_that_raises_ends_the_run_which_a_resume_continues_where_it_was(tmp_path: Path, task: str) -> None:
    whole, broken = (_monitored(tmp_path / name, task) for name in ("whole", "broken"))
    mine.late.called, mine.late.times = 0, 9
    trained(whole)
    mine.late.called, mine.late.times = 0, 2
    remember(code_of_run(broken))
    assert work(broken) == 1
    status = read_status(broken)
    step = rows(whole, "evals", "late")[1][0]  # that of the second evaluation
    assert status.error.startswith(f"training.metrics: {MINE}:late raised ValueError: not of ")
    assert status.error.endswith(f"; it is training.monitor, by which the best checkpoint is chosen. Step {step:.0f} is kept: correct it, and go on with gradtop resume {broken.id} --runs {broken.path.parent}")
    assert len(rows(broken, "evals", "late")) == 1
    mine.late.times = 9
    trained(broken, resume=True)
    check_alike(whole, broken, "late")


def _monitored(folder: Path, task: str) -> Run:
    settings = f'metrics = ["{MINE}:late"]\nmonitor = "late"\nmonitor_mode = "max"\n'
    if task:
        return new_run(folder, own_task_config(f"{NESTED}:reader", f"{NESTED}:encoded", f"{PROJECT}:own_loss", training=settings), {})
    return tiny_run(folder, settings)


def test_a_checkpoint_is_evaluated_with_them_as_it_was_recorded(measured: Run) -> None:
    mine.late.times = 0
    found = evaluate_checkpoint(measured, max(measured.checkpoints.glob("*.pt")))
    assert found["as_recorded"]
    assert set(MEASURED) <= set(found["metrics"])
    assert found["notes"] == [f"training.metrics: {MINE}:late raised ValueError: not of {SAMPLES} samples"]


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
