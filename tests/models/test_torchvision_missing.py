"""A torchvision that is not there, or was built for another torch: in processes of their own, with one of each kind made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / ".src"
MISFIT = "raise RuntimeError('operator torchvision::nms does not exist')"
MISSING = "raise ModuleNotFoundError('No module named torchvision', name='torchvision')"


def run(tmp_path: Path, torchvision: str, code: str) -> str:
    """What `code` prints where importing torchvision runs the line `torchvision`."""
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(torchvision)
    script = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]\n{code}"
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


BUILD = """
from gradtop.trainer.config import TorchvisionModel
from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.models.build import build_model
for attempt in range(2):
    try:
        build_model(TorchvisionModel(), DataInfo(3, 32, 10))
    except UserError as error:
        print(error)
"""


def test_a_torchvision_that_does_not_fit_torch_is_named_with_what_to_install_each_time(tmp_path: Path) -> None:
    import torch

    said = run(tmp_path, MISFIT, BUILD).splitlines()

    assert len(said) == 2
    assert said[0] == said[1]
    assert said[0].startswith("model.kind = torchvision needs torchvision, but torchvision ")
    assert f"is incompatible with torch {torch.__version__.partition('+')[0]}" in said[0]
    assert "(operator torchvision::nms does not exist)" in said[0]
    assert said[0].endswith("pip install --force-reinstall torch torchvision")


def test_a_torchvision_that_is_not_installed_is_named_with_what_to_install(tmp_path: Path) -> None:
    said = run(tmp_path, MISSING, BUILD).splitlines()

    assert set(said) == {"model.kind = torchvision needs torchvision, which is not installed: pip install torchvision"}


@pytest.mark.parametrize("kind", ["Mnist", "FashionMnist", "Cifar10", "Cifar100"])
def test_data_of_torchvision_needs_it_and_says_so(tmp_path: Path, kind: str) -> None:
    code = f"""
from gradtop.trainer import config
from gradtop.trainer.data.load import load_data
from gradtop.trainer.runtime.errors import UserError
try:
    load_data(config.{kind}(), seed=0)
except UserError as error:
    print(error)
"""
    assert "needs torchvision, which is not installed" in run(tmp_path, MISSING, code)


@pytest.mark.parametrize("torchvision", [MISFIT, MISSING], ids=["misfit", "missing"])
def test_everything_else_works_without_torchvision(tmp_path: Path, torchvision: str) -> None:
    code = """
from gradtop.trainer.config import Cnn, Digits, Fake, Mlp
from gradtop.trainer.data.load import load_data
from gradtop.trainer.models.build import build_model
from gradtop.trainer.models.description import describe
for data in (Digits(), Fake()):
    info = load_data(data, seed=0).info
    for model in (Mlp(), Cnn()):
        assert describe(build_model(model, info)).total
print("fine")
"""
    assert run(tmp_path, torchvision, code) == "fine"
