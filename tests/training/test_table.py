"""Trainings on tables: what they learn, keep, and resume."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from gradtop.trainer.inference.evaluation import evaluate_checkpoint
from gradtop.trainer.inference.prediction import predict
from gradtop.trainer.launch.forks import find_checkpoint
from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.worker import work
from tests.data.tables import houses, table_config, write_csv
from tests.training.forks import fork
from tests.training.runs import check_alike, events, newest_state, stop_and_resume, trained


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("data") / "houses.csv", houses())


@pytest.fixture(scope="module")
def run(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    made = new_run(tmp_path_factory.mktemp("runs"), table_config(file, epochs=40), {})
    trained(made)
    return made


@pytest.fixture(scope="module")
def classifier(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    made = new_run(tmp_path_factory.mktemp("runs"), table_config(file, ["dear"], data='drop = ["price"]'), {})
    trained(made)
    return made


def test_a_table_is_learned_and_what_its_columns_are_is_recorded(run: Run) -> None:
    assert read_status(run).metrics["r2"] > 0.7  # type: ignore[operator]
    (first, _) = events(run, "data")
    assert "numbers: area, rooms; booleans: garden; categories: district (3), heating (2)" in str(first["message"])
    encoding = newest_state(run)["encoding"]
    assert [column["name"] for column in encoding["categories"]] == ["district", "heating"]
    assert json.loads(run.data.read_text())["table"] == encoding


def test_a_run_stopped_in_the_middle_of_an_epoch_resumes_bit_for_bit(tmp_path: Path, file: Path) -> None:
    whole, parted = (new_run(tmp_path, table_config(file, ["dear"], data='drop = ["price"]\nmissing = "median"'), {}) for _ in range(2))
    work(whole)
    stop_and_resume(parted, 9)
    check_alike(whole, parted)


def test_a_checkpoint_alone_predicts_the_rows_of_a_file(run: Run, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = houses(30, seed=5)
    new = write_csv(tmp_path / "new.csv", [{name: row[name] for name in ("heating", "district", "garden", "rooms", "area")} for row in rows])
    less = write_csv(tmp_path / "less.csv", [{"area": 1, "rooms": 2}] * 2)
    away = file.rename(file.with_name("gone.csv"))
    try:
        found = predict(run, find_checkpoint(run).path, [str(new), str(less), str(tmp_path / "none.csv")], {})
    finally:
        away.rename(file)
    assert found["targets"] == ["price"]
    good, bad, gone = found["predictions"]
    predicted = [row["values"][0] for row in good["rows"]]
    errors = [abs(value - float(str(row["price"]))) for value, row in zip(predicted, rows, strict=True)]
    assert sum(errors) / 30 < 130
    assert bad["error"] == "lacks the columns garden, district, heating, which the model was trained with"
    assert gone["error"] == "cannot be read (No such file or directory)"


def test_another_file_is_evaluated_as_the_training_numbers_it(classifier: Run, tmp_path: Path) -> None:
    path = find_checkpoint(classifier).path
    recorded = evaluate_checkpoint(classifier, path)
    assert recorded["as_recorded"]
    assert set(recorded["metrics"]) >= {"loss", "accuracy"}
    rows = sorted(houses(50, seed=6), key=lambda row: str(row["dear"]), reverse=True)
    found = evaluate_checkpoint(classifier, path, data=str(write_csv(tmp_path / "other.csv", rows)))
    assert found["samples"] == 50
    (prediction,) = predict(classifier, path, [str(tmp_path / "other.csv")], {"top": 1})["predictions"]
    right = sum(row["top"][0]["name"] == given["dear"] for row, given in zip(prediction["rows"], rows, strict=True))
    assert found["metrics"]["accuracy"] == pytest.approx(right / 50)
    rows[3]["dear"] = "perhaps"
    with pytest.raises(UserError, match="line 5, column dear: 'perhaps' is not among the classes of the model"):
        evaluate_checkpoint(classifier, path, data=str(write_csv(tmp_path / "third.csv", rows)))


def test_a_fork_on_other_rows_keeps_the_numbers_of_categories_and_refuses_other_columns(classifier: Run, tmp_path: Path) -> None:
    rows = [row for row in houses(90, seed=7) if row["district"] != "north"]
    other = write_csv(tmp_path / "other.csv", rows)
    child = fork(classifier, f"data.file={other}", "training.epochs=3", runs=tmp_path / "runs")
    trained(child)
    assert newest_state(child)["encoding"] == newest_state(classifier)["encoding"]
    refused = fork(classifier, "data.drop=price,district", "training.epochs=3", runs=tmp_path / "runs")
    assert work(refused) != 0
    assert read_status(refused).error == "data.drop: the checkpoint takes the column district; start from the beginning with gradtop rerun"


def test_a_fork_takes_over_classes_by_name_and_a_resume_refuses_new_ones(tmp_path: Path) -> None:
    rows = houses(60)
    file = write_csv(tmp_path / "houses.csv", rows)
    parent = new_run(tmp_path / "runs", table_config(file, ["dear"], data='drop = ["price"]'), {})
    trained(parent)
    before = newest_state(parent)["model"]["head.weight"]
    write_csv(file, [{**row, "dear": "a third"} if number % 3 == 0 else row for number, row in enumerate(rows)])
    child = fork(parent, "training.epochs=3", "optimizer.lr=0.000000001")
    trained(child)
    after = newest_state(child)
    assert after["encoding"]["classes"] == ["no", "yes", "a third"]
    torch.testing.assert_close(after["model"]["head.weight"][:2], before)
    (said,) = events(child, "forked")
    assert "the outputs of 2 classes, by name (no, yes)" in said["kept"]  # type: ignore[operator]
    assert work(parent, resume=True) != 0
    assert "data: classes 2 → 3" in read_status(parent).error


def test_label_smoothing_of_values_is_refused(tmp_path: Path, file: Path) -> None:
    made = new_run(tmp_path, table_config(file, training="label_smoothing = 0.1"), {})
    assert work(made) != 0
    assert read_status(made).error == "training.label_smoothing requires classes, and the targets are numbers; set it to 0"
