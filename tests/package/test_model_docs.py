"""docs/models.md is true: its Python loads a checkpoint and every exported file, as written."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from gradtop.trainer.config import load_config
from gradtop.trainer.config.load import dump_config
from gradtop.trainer.inference.export.model import FORMATS, export_model
from gradtop.trainer.launch.forks import find_checkpoint
from gradtop.trainer.record import new_run
from gradtop.trainer.runtime.worker import work
from tests.docs import ROOT
from tests.documented import python_of


def test_the_python_of_the_page_loads_what_a_run_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config(ROOT / "configs" / "digits_mlp.toml", ["training.steps=3", "training.ema=0.5", "training.device=cpu"])
    run = new_run(tmp_path / "runs", dump_config(config), {})
    assert work(run) == 0
    checkpoint = find_checkpoint(run).path
    shutil.copy(checkpoint, tmp_path / "checkpoint.pt")
    shutil.copy(run.config, tmp_path / "run.toml")
    for to in FORMATS:
        (part := tmp_path / f"model.{to}").touch()
        exported = export_model(run, checkpoint, to, part)
        assert (exported["shape"], exported["dtype"], exported["weights"]) == (["any", 1, 8, 8], "float32", "ema")
        assert exported["deviation"] <= 1e-4
    monkeypatch.chdir(tmp_path)
    blocks = python_of("models")
    assert len(blocks) == 5
    found: dict[str, Any] = {}
    for block in blocks:
        exec(block, found)  # noqa: S102 - our own documentation
        if "model" in found and "images" not in found:
            found["seen"] = [*found.get("seen", []), {name: value.clone() for name, value in found["model"].state_dict().items()}]
    first, *others = found["seen"]
    assert all(torch.equal(first[name], other[name]) for other in others for name in first)
    assert torch.equal(first["head.weight"], torch.load(checkpoint, weights_only=True)["ema"]["module.head.weight"])
    wanted = found["model"](found["images"])
    assert torch.equal(found["built"](found["images"]), wanted)
    torch.testing.assert_close(found["probabilities"], wanted.softmax(1))
    torch.testing.assert_close(torch.from_numpy(found["logits"]), wanted.detach())
