"""A user's own model that keeps more than tensors in its state, from another directory than it was started in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.runtime.worker import work
from tests.training.runs import SignalAtLook, check_alike, events, newest_state, stop_and_resume

MODULE = """
import collections, dataclasses, datetime, enum, pathlib, typing
import numpy as np
import torch
from torch import nn

class Phase(enum.Enum):
    WARM = "warm"
    COLD = "cold"

class Span(typing.NamedTuple):
    begin: int
    end: np.float32

@dataclasses.dataclass
class Memory:
    phase: Phase
    recent: collections.deque
    seen: set

class Keeping(nn.Module):
    def __init__(self, features, classes, kept):
        super().__init__()
        self.linear = nn.Linear(features, classes)
        self.kept = kept

    def forward(self, inputs):
        outputs = self.linear(inputs.flatten(1))
        if self.training and "memory" in self.kept:
            memory = self.kept["memory"]
            memory.recent.append(np.float64(inputs.mean().item()))
            memory.seen.add((len(memory.seen), Phase.WARM))
            self.kept["span"] = Span(self.kept["span"].begin + 1, np.float32(memory.recent[-1]))
            outputs = outputs * (1 + float(memory.recent[0]))
        return outputs

    def get_extra_state(self):
        return self.kept

    def set_extra_state(self, state):
        assert type(state) is type(self.kept)
        self.kept = state

def keeping(channels, size, classes):
    memory = Memory(Phase.COLD, collections.deque(maxlen=3), set())
    kept = {"memory": memory, "span": Span(0, np.float32(0)), "path": pathlib.Path("a/b"), Phase.WARM: slice(1, 2), "when": datetime.datetime(2024, 1, 1)}
    return Keeping(channels * size * size, classes, kept)

def odd(channels, size, classes):
    return Keeping(channels * size * size, classes, {"tools": [object()]})

def pictured(channels, size, classes):
    from torchvision import tv_tensors
    return Keeping(channels * size * size, classes, {"shown": tv_tensors.Image(torch.zeros(3, 4, 4))})
"""

CONFIG = """
[model]
kind = "custom"
target = "keeping_state:{target}"

[data]
kind = "fake"
samples = 60
classes = 3
image_size = 4
channels = 1

[training]
epochs = 2
batch_size = 8
device = "cpu"
seed = 3
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the user's module; tests run elsewhere."""
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    (project / "keeping_state.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "keeping_state", raising=False)
    monkeypatch.chdir(elsewhere)
    return project


def run_of(project: Path, target: str) -> Run:
    return new_run(project / "runs", CONFIG.format(target=target), {"cwd": str(project)})


def test_what_a_model_keeps_beside_tensors_is_resumed_exactly(project: Path) -> None:
    whole, parted = run_of(project, "keeping"), run_of(project, "keeping")
    assert work(whole) == 0, read_status(whole).error

    stop_and_resume(parted, 3, 4)

    check_alike(whole, parted)
    assert newest_state(whole)["model"]["_extra_state"]["gradtop type"] == "dict"


def test_what_a_checkpoint_cannot_hold_ends_the_run_before_its_first_step(project: Path) -> None:
    run = run_of(project, "odd")

    assert work(run) == 1

    assert read_status(run).step == 0
    assert read_status(run).error.startswith("model._extra_state.tools.0 is of the type builtins.object, which a checkpoint cannot hold")


def test_a_working_directory_that_is_gone_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(project, "keeping")
    assert work(run, signals=SignalAtLook(3)) == 0
    gone = project.parent / "gone"
    run.meta.write_text(f'{{"cwd": "{gone}"}}')
    monkeypatch.chdir(project)

    assert work(run, resume=True) == 0, read_status(run).error

    said = [str(event["message"]) for event in events(run, "warning")]
    assert said == [f"the run's working directory {gone} cannot be entered (No such file or directory); relative paths and modules are looked up in {project}"]

def test_a_tensor_that_no_checkpoint_could_give_back_ends_the_run_before_its_first_step(project: Path) -> None:
    run = run_of(project, "pictured")

    assert work(run) == 1

    assert read_status(run).step == 0
    assert read_status(run).error.startswith("model._extra_state.shown: a checkpoint cannot hold torchvision.tv_tensors._image.Image; have the state")
