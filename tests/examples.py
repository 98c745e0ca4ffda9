"""The configurations in configs/, and what each needs to train here: data that its own script writes, or that is made up."""

from __future__ import annotations

import runpy
from pathlib import Path

import torch
from PIL import Image
from torchvision.models import resnet18

CONFIGS = Path(__file__).parents[1] / "configs"
TOO_LARGE = "gpt2"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.toml") if path.stem != TOO_LARGE)
# Their data is not on this machine; a stand-in of the same shape is, of which nothing can be learned.
STAND_INS = {
    "cifar10_resnet18": ["data.kind=fake", "data.samples=8", "training.batch_size=4"],
    "fashion_mnist": ["data.kind=fake", "data.samples=64", "data.image_size=28", "data.channels=1"],
    "finetune": [],
}


def data_of(name: str, folder: Path, *, small: bool = False) -> list[str]:
    """Overrides with which a configuration finds its data, written into a folder: a quarter of the pictures that its script would write; `small`: a few."""
    if name == "table_regression":
        runpy.run_path(str(CONFIGS / "houses.py"))["main"](folder / "houses.csv")
        return [f"data.file={folder / 'houses.csv'}"]
    if name == "unbalanced_images":
        script = runpy.run_path(str(CONFIGS / "plates.py"))
        script["COUNTS"].update({"good": 40, "scratch": 8, "hole": 4} if small else {"good": 250, "scratch": 25, "hole": 10})
        script["main"](folder / "plates")
        return [f"data.root={folder / 'plates'}", "data.workers=0"]
    if name == "mask_folder":
        script = runpy.run_path(str(CONFIGS / "cells.py"))
        script["main"].__globals__["COUNT"] = 20 if small else 100
        script["main"](folder / "cells")
        return [f"data.root={folder / 'cells'}", "data.workers=0"]
    if name == "finetune":
        weights = folder / "weights.pth"
        torch.save(resnet18(num_classes=7).state_dict(), weights)
        return [f"init.pretrained={weights}", f"data.root={_images(folder / 'images')}", "data.image_size=32", "data.workers=0", "training.batch_size=4"]
    return STAND_INS.get(name, [])


def _images(folder: Path) -> str:
    for label, colour in (("cat", "orange"), ("dog", "brown")):
        (folder / label).mkdir(parents=True)
        for number in range(5):
            Image.new("RGB", (40 + number, 32), colour).save(folder / label / f"{number}.png")
    return str(folder)
