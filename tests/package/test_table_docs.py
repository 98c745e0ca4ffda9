"""docs/tables.md is true: its Python predicts as gradtop does, as written; and the table of configs/ is learned."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from gradtop.trainer.config import load_config
from gradtop.trainer.config.load import dump_config
from gradtop.trainer.inference.prediction import predict
from gradtop.trainer.launch.forks import find_checkpoint
from gradtop.trainer.record import new_run, read_status
from gradtop.trainer.runtime.worker import work
from tests.data.tables import write_csv
from tests.docs import ROOT
from tests.documented import executed, python_of


def test_the_example_is_learned_and_the_python_of_the_page_predicts_as_gradtop_does(tmp_path: Path) -> None:
    runpy.run_path(str(ROOT / "configs" / "houses.py"))["main"](tmp_path / "houses.csv")
    config = load_config(ROOT / "configs" / "table_regression.toml", [f"data.file={tmp_path / 'houses.csv'}", "training.epochs=4", "training.device=cpu"])
    run = new_run(tmp_path / "runs", dump_config(config), {})
    assert work(run) == 0, read_status(run).error
    assert read_status(run).metrics["r2"] > 0.8  # type: ignore[operator]

    checkpoint = find_checkpoint(run).path
    (block,) = python_of("tables")
    found = executed(block, run, checkpoint, tmp_path)
    row = {**found["house"], "garden": "true"}
    (prediction,) = predict(run, checkpoint, [str(write_csv(tmp_path / "new.csv", [row, {**row, "garden": "false"}]))], {})["predictions"]
    assert prediction["rows"][0]["values"] == pytest.approx(found["price"][0].tolist(), rel=1e-4)
