"""Tables on the command line: what `show`, `check` and `predict` print of them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from gradtop.trainer.record import Run, new_run
from gradtop.trainer.runtime.worker import work
from tests.cli.conftest import Gradtop
from tests.data.tables import houses, table_config, write_csv


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "houses.csv", houses(60))


def trained(folder: Path, config: str) -> Run:
    run = new_run(folder / "runs", config, {})
    assert work(run) == 0
    return run


def test_rows_are_predicted_as_csv_and_what_cannot_be_read_is_said(gradtop: Gradtop, running_server: int, tmp_path: Path, file: Path) -> None:
    trained(tmp_path, table_config(file))
    said = gradtop("predict", "last", "houses.csv")
    assert (said.code, said.err) == (0, "")
    lines = list(csv.DictReader(io.StringIO(said.out)))
    assert [line["row"] for line in lines] == [str(number) for number in range(1, 61)]
    (prediction,) = json.loads(gradtop("predict", "last", "houses.csv", "--json").out)["predictions"]
    assert [float(line["price"]) for line in lines] == [pytest.approx(row["values"][0]) for row in prediction["rows"]]
    (tmp_path / "broken.csv").write_text("area,rooms\n1,2,3\n")
    said = gradtop("predict", "last", "broken.csv")
    assert (said.code, said.out) == (2, "")
    assert said.err == "gradtop: broken.csv: line 2 has 3 fields, and the header names 2 columns; correct the line or remove it\n"
    assert gradtop("predict", "last", "houses.csv", "--top", 2).err == "gradtop: --top: this is a model of a table, which has no use for it; leave out --top\n"


def test_show_says_what_the_columns_are_and_predict_names_classes(gradtop: Gradtop, running_server: int, tmp_path: Path, file: Path) -> None:
    run = trained(tmp_path, table_config(file, ["dear"], data='drop = ["price"]'))
    shown = gradtop("show", "last").out
    assert "target: dear (2 classes: no, yes); numbers: area, rooms; booleans: garden; categories: district (3), heating (2)" in shown
    lines = list(csv.DictReader(io.StringIO(gradtop("predict", "last", "houses.csv").out)))
    assert {line["dear"] for line in lines} <= {"yes", "no"}
    assert all(0.5 <= float(line["probability"]) <= 1 for line in lines)
    run.data.write_text(json.dumps({"table": {"numbers": [{"name": 3}], "categories": 4}}))
    assert gradtop("show", "last").code == 0


def test_check_says_what_the_columns_are_and_what_is_wrong_with_the_file(gradtop: Gradtop, running_server: int, tmp_path: Path, file: Path) -> None:
    (tmp_path / "table.toml").write_text(table_config(file))
    said = gradtop("check", "table.toml")
    assert said.code == 0, said.err
    assert "numbers: area, rooms; booleans: garden" in said.out
    file.write_text(file.read_text() + "1,2\n")
    said = gradtop("check", "table.toml")
    assert said.code == 1
    assert said.err == f"gradtop: data.file: {file}: line 62 has 2 fields, and the header names 7 columns; correct the line or remove it\n"
