"""docs/tasks.md is true: its Python predicts as gradtop does, as written."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from gradtop.trainer.config import Config, load_config
from gradtop.trainer.config.load import dump_config
from gradtop.trainer.inference.data import load_source
from gradtop.trainer.inference.trained import TrainedModel, open_trained, read_trained
from gradtop.trainer.launch.forks import find_checkpoint
from gradtop.trainer.record import new_run, read_status
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.tasks.kinds.classification.classifier import Classifier
from gradtop.trainer.tasks.kinds.regression.regressor import Regressor
from gradtop.trainer.tasks.metrics.custom import load_custom
from gradtop.trainer.tasks.metrics.meter import meter_of
from gradtop.trainer.tasks.metrics.parts import CustomPart
from gradtop.trainer.tasks.task import AddedMetrics
from tests.docs import ROOT
from tests.documented import executed, python_of


def loaded(tmp_path: Path, config: Config, marked: str) -> tuple[dict[str, Any], TrainedModel]:
    """What the Python of the page that has the mark in it makes of a checkpoint, and the checkpoint as gradtop opens it."""
    run = new_run(tmp_path / "runs", dump_config(config), {})
    assert work(run) == 0, read_status(run).error
    checkpoint = find_checkpoint(run).path
    (block,) = (block for block in python_of("tasks") if marked in block)
    return executed(block, run, checkpoint, tmp_path), open_trained(read_trained(run, checkpoint), load_source)


def test_the_python_of_the_page_names_the_class_that_gradtop_predicts(tmp_path: Path) -> None:
    for number in range(24):
        folder = tmp_path / "plates" / ("dent", "good", "scratch")[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((32, 32), 20 + 60 * (number % 3)).convert("RGB").save(folder / f"{number}.png")
    config = load_config(ROOT / "configs" / "unbalanced_images.toml", [f"data.root={tmp_path / 'plates'}", "data.workers=0", "training.epochs=2", "training.device=cpu"])
    found, trained = loaded(tmp_path, config, "probabilities")
    assert trained.source.prepare is not None
    with torch.no_grad():
        torch.testing.assert_close(found["probabilities"].detach(), trained.forward(trained.source.prepare(found["images"])).softmax(1))
    assert found["names"] == ["dent", "good", "scratch"]
    assert found["predicted"] == [found["names"][number] for number in found["probabilities"].argmax(1)]


def test_the_python_of_the_page_predicts_the_labels_that_gradtop_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    config = load_config(ROOT / "configs" / "multi_label.toml", ["training.steps=3", "training.device=cpu", "task.threshold=0.3"])
    found, trained = loaded(tmp_path, config, ".sigmoid()")
    with torch.no_grad():
        assert torch.equal(found["labels"], trained.forward(found["images"]).sigmoid() >= 0.3)


def test_the_python_of_the_page_predicts_the_masks_that_gradtop_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    config = load_config(ROOT / "configs" / "segmentation.toml", ["training.steps=3", "training.device=cpu"])
    found, trained = loaded(tmp_path, config, "segmenter(")
    with torch.no_grad():
        assert torch.equal(found["masks"], trained.forward(found["images"]).argmax(1))


def test_the_python_of_the_page_predicts_in_the_units_of_the_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    config = load_config(ROOT / "configs" / "regression.toml", ["training.steps=3", "training.device=cpu"])
    found, trained = loaded(tmp_path, config, "scale[")
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


def test_a_loss_of_the_page_is_computed_as_written() -> None:
    (block,) = (block for block in python_of("tasks") if "def contrastive" in block)
    found: dict[str, Any] = {}
    exec(block, found)  # noqa: S102 - our own documentation
    left, right = torch.tensor([[0.0, 3.0], [0.0, 0.0], [1.0, 1.0]]), torch.tensor([[4.0, 0.0], [0.3, 0.4], [1.0, 1.0]])
    numbers = found["contrastive"](torch.nn.Identity(), (left, right, torch.tensor([1, 0, 1])))
    # Distances 5, 0.5 and 0, the second of another kind.
    assert numbers["loss"].item() == pytest.approx((25 + 0.25 + 0) / 3)
    assert numbers["distance"].item() == pytest.approx(2.5)


def test_the_python_of_the_page_loads_a_model_of_an_own_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    config = load_config(ROOT / "configs" / "autoencoder.toml", ["training.steps=3", "training.device=cpu"])
    found, trained = loaded(tmp_path, config, "cleaned")
    with torch.no_grad():
        assert torch.equal(found["cleaned"], trained.forward(found["images"]))


def test_the_samples_and_the_model_of_the_page_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = (block for block in python_of("tasks") if "class Comparing" in block)
    (tmp_path / "several_tensors.py").write_text(block)
    monkeypatch.syspath_prepend(tmp_path)
    tables = ('[model]\nkind = "custom"\ntarget = "several_tensors:Comparing"\n', '[data]\nkind = "custom"\ntarget = "several_tensors:load"\n')
    run = new_run(tmp_path / "runs", "\n".join([*tables, '[training]\nepochs = 1\ndevice = "cpu"\n']), {})
    assert work(run) == 0, read_status(run).error
