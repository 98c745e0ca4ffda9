"""docs/tasks.md is true: its Python predicts as gradtop does, as written."""

from __future__ import annotations

from functools import partial
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
from gradtop.trainer.tasks.kinds.classification.classifier import Classifier
from gradtop.trainer.tasks.kinds.regression.regressor import Regressor
from gradtop.trainer.tasks.metrics.custom import load_custom
from gradtop.trainer.tasks.metrics.meter import meter_of
from gradtop.trainer.tasks.metrics.parts import CustomPart
from gradtop.trainer.tasks.task import AddedMetrics
from tests.docs import ROOT
from tests.documented import executed, python_of


def test_the_python_of_the_page_predicts_in_the_units_of_the_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    config = load_config(ROOT / "configs" / "regression.toml", ["training.steps=3", "training.device=cpu"])
    run = new_run(tmp_path / "runs", dump_config(config), {})
    assert work(run) == 0
    checkpoint = find_checkpoint(run).path
    trained = open_trained(read_trained(run, checkpoint), load_source)
    block = next(block for block in python_of("tasks") if "DataInfo" in block)
    found = executed(block, run, checkpoint, tmp_path)
    assert isinstance(trained.task, Regressor)
    with torch.no_grad():
        torch.testing.assert_close(found["predicted"].detach(), trained.task.in_units(trained.forward(found["images"])))


def test_the_metric_of_the_page_is_what_it_says(tmp_path: Path) -> None:
    (block,) = (block for block in python_of("tasks") if "def cost" in block)
    (tmp_path / "my_metrics.py").write_text(block)
    outputs, targets = torch.eye(4)[[0, 1, 1, 2]], torch.tensor([0, 0, 1, 3])
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(tmp_path)
        task = Classifier(classes=4)
        task.added = AddedMetrics((), (partial(CustomPart, load_custom("my_metrics:cost", {})),))
        meter = meter_of(task)
        meter.add(outputs, targets)
        assert meter.result().of("cost") == pytest.approx((10 + 1) / 4)
