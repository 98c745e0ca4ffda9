"""Exported files give the outputs of the model in programs that know nothing of gradtop, or are not there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, load_model

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.inference.export import program
from gradtop.trainer.inference.export.model import FORMATS, export_model
from gradtop.trainer.inference.export.written import WrittenModel
from gradtop.trainer.launch.forks import find_checkpoint
from gradtop.trainer.record import Run, new_run
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.worker import work
from tests.disk import mounted, occupy

TRAINING = '[training]\nbatch_size = 16\ndevice = "cpu"\nthreads = 1\n'
DIGITS = '[model]\nkind = "cnn"\nchannels = [4]\n\n[data]\nkind = "digits"\n\n'
LANGUAGE = '[model]\nkind = "language_model"\nhidden_size = 16\nnum_layers = 1\nnum_heads = 2\ncontext = 12\n\n[data]\nkind = "text"\nfile = "FILE"\n\n[sample]\nevery = 0\n\n'


def trained_run(folder: Path, text: str) -> Run:
    run = new_run(folder / "runs", f"{text}{TRAINING}steps = 3\n", {})
    assert work(run) == 0
    return run


def exported(run: Run, to: str, part: Path) -> dict[str, Any]:
    part.touch()
    return export_model(run, find_checkpoint(run).path, to, part)


def test_a_classifier_for_pytorch(tmp_path: Path) -> None:
    """ONNX is tried with the documentation, tests/package/test_model_docs.py: it takes seconds."""
    run = trained_run(tmp_path, DIGITS)
    weights = checkpoint.load(find_checkpoint(run).path)["model"]
    facts = {to: exported(run, to, tmp_path / to) for to in ("safetensors", "pt2")}
    for to, fact in facts.items():
        assert fact["bytes"] == (tmp_path / to).stat().st_size
        assert fact["deviation"] <= 1e-6
        assert (fact["shape"], fact["dtype"], fact["step"], fact["notes"]) == (["any", 1, 8, 8], "float32", 3, [])
    found = load_file(tmp_path / "safetensors")
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in found)
    inputs = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with (tmp_path / "pt2").open("rb") as file:
        exported_program = torch.export.load(file)
    # No sample of the data is in it.
    assert not any(tensor.any() for tensor in exported_program.example_inputs[0])
    outputs = exported_program.module()(inputs)
    assert outputs.shape == (3, 10)


def test_a_language_model_with_tied_weights_takes_any_number_of_positions(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("it was the best of times, it was the worst of times. " * 20)
    run = trained_run(tmp_path, LANGUAGE.replace("FILE", str(tmp_path / "text.txt")))
    fact = exported(run, "safetensors", tmp_path / "a.safetensors")
    assert fact["tied"] == {"head.weight": "embed.weight"}
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        assert "head.weight" not in file.keys()  # noqa: SIM118 - it is no dict
        assert file.metadata()["head.weight"] == "embed.weight"
    from gradtop.trainer.config import load_config
    from gradtop.trainer.data.dataset import DataInfo

    state = checkpoint.load(find_checkpoint(run).path)["model"]
    # In the checkpoint, too, it lies once.
    assert state["head.weight"].data_ptr() == state["embed.weight"].data_ptr()
    model = load_config(run.config).model.build(DataInfo(0, 0, len(state["embed.weight"])))
    load_model(model, tmp_path / "a.safetensors")
    assert model.head.weight is model.embed.weight
    assert torch.equal(model.head.weight, state["head.weight"])
    exported(run, "pt2", tmp_path / "a.pt2")
    loaded = torch.export.load(tmp_path / "a.pt2").module()
    for positions in (1, 5, 12):
        assert loaded(torch.ones(2, positions, dtype=torch.int64)).shape[:2] == (2, positions)


BRANCHES = """
import torch

class Branches(torch.nn.Linear):
    def forward(self, images):
        outputs = super().forward(images.flatten(1))
        return outputs if outputs.sum() > 0 else -outputs

def build(classes):
    return Branches(64, classes)
"""


def test_what_cannot_be_exported_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "branches.py").write_text(BRANCHES)
    monkeypatch.syspath_prepend(str(tmp_path))
    run = trained_run(tmp_path, '[model]\nkind = "custom"\ntarget = "branches:build"\n\n[data]\nkind = "digits"\n\n')
    with pytest.raises(UserError, match=r"torch\.export cannot trace the model \(.*; change its forward so that it can, or export the weights alone"):
        exported(run, "pt2", tmp_path / "a")
    exported(run, "safetensors", tmp_path / "a")
    monkeypatch.setattr(program, "ONNX_PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(UserError, match=r"--model onnx needs no_such_package, not installed here: pip install 'gradtop\[export\]'"):
        exported(run, "onnx", tmp_path / "a")
    # What gives other outputs is no export.
    monkeypatch.setitem(FORMATS, "pt2", lambda wanted, path: WrittenModel(lambda inputs: wanted.model(inputs) * 1.01))  # type: ignore[misc]
    with pytest.raises(UserError, match="the exported model gives other outputs than the model: they deviate by up to"):
        exported(run, "pt2", tmp_path / "a")
    with mounted(tmp_path, "64k") as disk:
        (disk / "part").touch()
        occupy(disk)
        with pytest.raises(UserError, match="the file cannot be written: No space left on device; choose another place with --output"):
            exported(run, "safetensors", disk / "part")


def test_it_is_compared_on_random_images_where_the_data_are_gone(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    for name, shade in (("black", 10), ("white", 240)):
        (root / name).mkdir(parents=True)
        for number in range(8):
            Image.new("RGB", (12, 9), (shade + number,) * 3).save(root / name / f"{number}.png")
    run = trained_run(tmp_path, f'[model]\nkind = "mlp"\nhidden = [8]\n\n[data]\nkind = "image_folder"\nroot = "{root}"\nimage_size = 8\nvalidation = 0.3\nworkers = 0\n\n')
    shutil.rmtree(root)
    fact = exported(run, "safetensors", tmp_path / "a")
    assert fact["deviation"] == 0.0
    (note,) = fact["notes"]
    assert note.startswith("compared on random inputs, as the data cannot be had: data.root: ")
