"""docs/pruning.md is true: its Python loads a checkpoint that was written, with a mask and with channels removed, as written."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from gradtop.trainer.config import load_config
from gradtop.trainer.config.load import dump_config
from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.inference.export.model import export_model
from gradtop.trainer.jobs.prune.config import METHODS
from gradtop.trainer.jobs.prune.measure import measure
from gradtop.trainer.launch import create_run, find_checkpoint
from gradtop.trainer.launch.run_config import changed_config
from gradtop.trainer.record import new_run
from gradtop.trainer.runtime.worker import work
from tests.docs import DOCS, ROOT
from tests.documented import python_of

PAGE = (DOCS / "pruning.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("method", ["layer_l1", "channel_removal"])
def test_the_python_of_the_page_loads_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    config = load_config(ROOT / "configs" / "digits_mlp.toml", ["training.steps=3", "training.ema=0.5", "training.device=cpu"])
    run = new_run(tmp_path / "runs", dump_config(config), {})
    assert work(run) == 0
    _, pruned, changes = changed_config(run, (), job="prune")
    pruning = create_run(tmp_path / "runs", pruned, parent=run, checkpoint=find_checkpoint(run).path, changes=changes)
    measure(pruning, {"write": f"{method}:0.5"})
    checkpoint = find_checkpoint(pruning).path
    shutil.copy(checkpoint, tmp_path / "checkpoint.pt")
    monkeypatch.chdir(tmp_path)
    first, second = python_of("pruning")
    info = DataInfo(channels=1, size=8, classes=10)
    found: dict[str, Any] = {"model": config.model.build(info).eval(), "whole": config.model.build(info).eval()}
    if method == "channel_removal":
        first = first[: first.index("model.load_state_dict")]
    exec(first, found)  # noqa: S102 - our own documentation
    exec(second, found)  # noqa: S102
    images = torch.rand(6, 1, 8, 8)
    if method == "layer_l1":
        assert found["sparsity"] == {name: pytest.approx(0.5, abs=0.01) for name in ("linear1.weight", "linear2.weight", "head.weight")}
        assert torch.equal(found["whole"](images), found["model"](images))
    else:
        assert found["whole"].linear1.out_features == 64
        (part := tmp_path / "model.pt2").touch()
        assert export_model(pruning, checkpoint, "pt2", part)["deviation"] <= 1e-4
        torch.testing.assert_close(torch.export.load(part).module()(images), found["whole"](images), rtol=1e-4, atol=1e-4)


def test_the_methods_of_the_page_are_those_that_there_are() -> None:
    assert tuple(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == METHODS
