"""A run works in the directory where it was started, wherever it is resumed, forked or rerun from."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gradtop.trainer.config import parse_config
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, read_meta, read_status
from gradtop.trainer.runtime.worker import work
from tests.training.forks import fork
from tests.training.runs import SignalAtLook, check_alike, events

NAME = "model_of_home"
MODULE = """
from torch import nn

def build(channels, size, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, classes))
"""
CONFIG = """
[model]
kind = "custom"
target = "model_of_home:build"

[data]
kind = "image_folder"
root = "images"
image_size = 8
workers = 0

[training]
epochs = 2
batch_size = 4
device = "cpu"
"""


def folder_of_images(folder: Path, seed: int) -> None:
    drawn = np.random.default_rng(seed)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for number in range(10):
            Image.fromarray(drawn.integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(folder / name / f"{number}.png")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The directory of a project, which is the current one, and another with other data and code of the same names."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    folder_of_images(home / "images", 0)
    folder_of_images(elsewhere / "images", 1)
    (home / f"{NAME}.py").write_text(MODULE)
    (elsewhere / f"{NAME}.py").write_text("raise RuntimeError('of another project')")
    monkeypatch.chdir(home)
    return home, elsewhere


def trained_from(place: Path, run: Run, *, resume: bool = False, looks: float = math.inf) -> None:
    """As by a worker that is started in a directory."""
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(place)
        patched.setattr(sys, "path", list(sys.path))
        assert work(run, resume=resume, signals=SignalAtLook(looks)) == 0, read_status(run).error
    del sys.modules[NAME]


def test_a_run_is_resumed_forked_and_rerun_from_any_directory(tmp_path: Path, places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    home, elsewhere = places
    config = parse_config(CONFIG)
    whole, parted = (create_run(tmp_path / "runs", config) for _ in range(2))
    trained_from(home, whole)

    trained_from(home, parted, looks=3)
    trained_from(elsewhere, parted, resume=True)

    check_alike(whole, parted)
    monkeypatch.chdir(elsewhere)
    forked, rerun = fork(parted, "training.epochs=3"), create_run(tmp_path / "runs", config, parent=parted)
    for run in (forked, rerun):
        assert read_meta(run).cwd == str(home)
        trained_from(elsewhere, run)
    check_alike(whole, rerun)
    assert read_status(forked).step == read_status(whole).step // 2 * 3
    assert [event for run in (parted, forked, rerun) for event in events(run, "warning")] == []
