"""docs/tasks.md is true: its Python predicts as gradtop does, as written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gradtop.trainer.config import load_config
from gradtop.trainer.config.load import dump_config
from gradtop.trainer.inference.data import load_source
from gradtop.trainer.inference.trained import open_trained, read_trained
from gradtop.trainer.launch.forks import find_checkpoint
from gradtop.trainer.record import new_run
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.tasks.kinds.regression.regressor import Regressor
from tests.docs import ROOT
from tests.documented import executed, python_of


def test_the_python_of_the_page_predicts_in_the_units_of_the_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    config = load_config(ROOT / "configs" / "regression.toml", ["training.steps=3", "training.device=cpu"])
    run = new_run(tmp_path / "runs", dump_config(config), {})
    assert work(run) == 0
    checkpoint = find_checkpoint(run).path
    trained = open_trained(read_trained(run, checkpoint), load_source)
    (block,) = python_of("tasks")
    found = executed(block, run, checkpoint, tmp_path)
    assert isinstance(trained.task, Regressor)
    with torch.no_grad():
        torch.testing.assert_close(found["predicted"].detach(), trained.task.in_units(trained.forward(found["images"])))
