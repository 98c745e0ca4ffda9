"""A torchvision that is not there, or was built for another torch: in a process of its own, with one of each kind made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.forked import forked

MISFIT = "raise RuntimeError('operator torchvision::nms does not exist')"
MISSING = "raise ModuleNotFoundError('No module named torchvision', name='torchvision')"
# What needs torchvision says so, each time; then everything else is built.
TRY = """
import json
from gradtop.trainer.config import Cifar10, Cifar100, Cnn, Digits, Fake, FashionMnist, Mlp, Mnist, TorchvisionModel
from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.data.load import load_data
from gradtop.trainer.models.build import build_model
from gradtop.trainer.models.description import describe
from gradtop.trainer.runtime.errors import UserError

def said(function, *arguments, **options):
    try:
        function(*arguments, **options)
    except UserError as error:
        return str(error)

models = [said(build_model, TorchvisionModel(), DataInfo(3, 32, 10)) for attempt in range(2)]
data = {kind.__name__: said(load_data, kind(), seed=0) for kind in (Mnist, FashionMnist, Cifar10, Cifar100)}
parameters = [describe(build_model(model, load_data(kind, seed=0).info)).total for kind in (Digits(), Fake()) for model in (Mlp(), Cnn())]
print(json.dumps({"models": models, "data": data, "parameters": parameters}))
"""


def tried(folder: Path, torchvision: str) -> dict[str, Any]:
    """What is said where importing torchvision runs the line `torchvision`."""
    package = folder / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(torchvision)
    said = forked(f"import sys; sys.path.insert(0, folder)\n{TRY}", anew=["gradtop", "torchvision"], folder=str(folder))
    found: dict[str, Any] = json.loads(said)
    return found


@pytest.fixture(scope="module")
def misfit(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return tried(tmp_path_factory.mktemp("misfit"), MISFIT)


@pytest.fixture(scope="module")
def missing(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return tried(tmp_path_factory.mktemp("missing"), MISSING)


def test_a_torchvision_that_does_not_fit_torch_is_named_with_what_to_install_each_time(misfit: dict[str, Any]) -> None:
    first, second = misfit["models"]
    assert first == second
    assert first.startswith("model.kind = torchvision needs torchvision, but torchvision ")
    assert f"is incompatible with torch {torch.__version__.partition('+')[0]}" in first
    assert "(operator torchvision::nms does not exist)" in first
    assert first.endswith("pip install --force-reinstall torch torchvision")


def test_a_torchvision_that_is_not_installed_is_named_with_what_to_install(missing: dict[str, Any]) -> None:
    assert missing["models"] == ["model.kind = torchvision needs torchvision, which is not installed: pip install torchvision"] * 2


def test_data_of_torchvision_needs_it_and_says_so(missing: dict[str, Any]) -> None:
    assert set(missing["data"]) == {"Mnist", "FashionMnist", "Cifar10", "Cifar100"}
    assert all("needs torchvision, which is not installed" in said for said in missing["data"].values())


def test_everything_else_works_without_torchvision(misfit: dict[str, Any], missing: dict[str, Any]) -> None:
    assert len(misfit["parameters"]) == 4
    assert misfit["parameters"] == missing["parameters"]
    assert all(misfit["parameters"])
