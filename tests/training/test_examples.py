"""Each configuration in configs/ trains, for a few steps."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.models import resnet18

from gradtop.trainer.analysis.event_text import event_line
from gradtop.trainer.config import dump_config, load_config
from gradtop.trainer.record import new_run, read_status
from gradtop.trainer.runtime.worker import work
from tests.training.runs import events, rows

CONFIGS = Path(__file__).parents[2] / "configs"
# Their data is not on this machine; a stand-in of the same shape is.
STAND_INS = {
    "cifar10_resnet18": ["data.kind=fake", "data.samples=8", "training.batch_size=4"],
    "fashion_mnist": ["data.kind=fake", "data.samples=64", "data.image_size=28", "data.channels=1"],
}
NAMES = sorted(path.stem for path in CONFIGS.glob("*.toml"))


def images(folder: Path) -> str:
    for label, colour in (("cat", "orange"), ("dog", "brown")):
        (folder / label).mkdir(parents=True)
        for number in range(5):
            Image.new("RGB", (40 + number, 32), colour).save(folder / label / f"{number}.png")
    return str(folder)


@pytest.mark.parametrize("name", NAMES)
def test_every_example_trains(tmp_path: Path, name: str) -> None:
    changes = [*STAND_INS.get(name, []), "training.steps=2", "training.device=cpu"]
    # Two steps are shorter than any warm-up.
    changes += [f"schedule.{key}=0" for key in ("warmup_steps", "warmup_epochs") if hasattr(load_config(CONFIGS / f"{name}.toml").schedule, key)]
    if name == "table_regression":
        runpy.run_path(str(CONFIGS / "houses.py"))["main"](tmp_path / "houses.csv")
        changes += [f"data.file={tmp_path / 'houses.csv'}"]
    if name == "finetune":
        weights = tmp_path / "weights.pth"
        torch.save(resnet18(num_classes=7).state_dict(), weights)
        changes += [f"init.pretrained={weights}", f"data.root={images(tmp_path / 'images')}", "data.image_size=32", "data.workers=0"]
        changes += ["training.batch_size=4"]
    config = load_config(CONFIGS / f"{name}.toml", changes)
    run = new_run(tmp_path / "runs", dump_config(config), {})

    assert work(run) == 0, read_status(run).error

    assert [row[0] for row in rows(run, "steps", "loss")] == [1, 2]
    if name == "finetune":
        said = " ".join(event_line(event).text for kind in ("init", "freeze") for event in events(run, kind))
        assert "2 of a different shape, not loaded: fc.weight (7×512 in the file, 2×512 here)" in said
        assert "60 parameters are frozen" in said
