"""A user's project with modules named as ours are, or as the standard library's are: it trains, and hides nothing from us."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gradtop.trainer.record import list_runs, read_status
from tests.package.installing import Builds, install, output_of

MODEL = """
import torch
from {package}tui import WIDTH
from {package}record import Net


def build(channels, size, classes):
    return Net(channels * size * size, WIDTH, classes)
"""
NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self, inputs, width, classes):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, classes))

    def forward(self, inputs):
        return self.layers(inputs)
"""
DATA = """
import torch


def load():
    labels = torch.arange(24) % 3
    images = labels.view(-1, 1, 1, 1) + torch.zeros(24, 1, 4, 4)
    return torch.utils.data.TensorDataset(images, labels), torch.utils.data.TensorDataset(images, labels)
"""
CONFIG = """
[model]
kind = "custom"
target = "{model}:build"

[data]
kind = "custom"
target = "{data}:load"

[training]
epochs = 1
batch_size = 8
device = "cpu"
"""
PARAMETERS = 16 * 8 + 8 + 8 * 3 + 3
# Modules that we import, before and after a target is looked for.
HIDING = dict.fromkeys(
    ("random.py", "json.py", "inspect.py", "numpy.py", "torch.py", "torchvision.py", "pydantic.py", "textual/__init__.py"),
    "raise ImportError('this is a module of the user')\n",
)


def modules() -> dict[str, str]:
    """trainer.py, tui.py, record.py and data.py, side by side."""
    files = {"trainer.py": MODEL.format(package=""), "tui.py": "WIDTH = 8\n", "record.py": NET, "data.py": DATA}
    return {**files, "config.toml": CONFIG.format(model="trainer", data="data")}


def package() -> dict[str, str]:
    """trainer/, a package of the user's, with modules that are named as parts of ours."""
    files = {"__init__.py": "", "models.py": MODEL.format(package="trainer."), "tui.py": "WIDTH = 8\n", "record.py": NET, "data.py": DATA}
    return {**{f"trainer/{name}": text for name, text in files.items()}, "config.toml": CONFIG.format(model="trainer.models", data="trainer.data")}


@pytest.mark.usefixtures("own_servers")
@pytest.mark.parametrize(
    ("kind", "files", "command"),
    [("wheel", modules(), ["python", "-m", "gradtop"]), ("editable", package(), ["gradtop"]), ("checkout", package(), [])],
    ids=["modules beside an ordinary install", "a package beside an editable install", "a package beside a checkout on the path"],
)
def test_a_project_with_a_trainer_of_its_own_trains(kind: str, files: dict[str, str], command: list[str], builds: Builds, tmp_path: Path) -> None:
    gradtop: list[str | Path] = ["env", f"PYTHONPATH={builds.checkout / '.src'}", sys.executable, "-m", "gradtop"]
    if command:
        program, *rest = command
        gradtop = [install(getattr(builds, kind), tmp_path / "environment").with_name(program), *rest]
    project = tmp_path / "project"
    for name, text in (files | HIDING).items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)

    output_of(*gradtop, "train", "config.toml", cwd=project)

    (run,) = list_runs(project / "runs")
    status = read_status(run)
    assert (status.state, status.parameters) == ("done", PARAMETERS)
    assert str(PARAMETERS) in output_of(*gradtop, "params", "config.toml", cwd=project)
