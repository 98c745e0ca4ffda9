"""A fork, or a resume, on data whose classes are numbered otherwise than those of the checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.config import dump_config, parse_config
from gradtop.trainer.launch.custom_code import code_of_run, remember
from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.runtime.worker import work
from tests.training.forks import before_training, fork, said, trained
from tests.training.runs import newest_state

COLOURS = {"blue": (30, 30, 220), "green": (30, 220, 30), "red": (220, 30, 30), "white": (230, 230, 230)}
CONFIG = """
[model]
kind = "mlp"
hidden = [8]
[optimizer]
kind = "adamw"
lr = 0.02
[training]
epochs = 3
batch_size = 4
ema = 0.5
device = "cpu"
"""


def folder(at: Path, names: Sequence[str]) -> Path:
    """One folder of ten pictures for each of these colours."""
    noise = np.random.default_rng(0)
    for name in names:
        (at / name).mkdir(parents=True)
        for number in range(10):
            pixels = np.clip(np.array(COLOURS[name.rpartition("_")[2]]) + noise.integers(-20, 20, (8, 8, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(at / name / f"{number}.png")
    return at


def parent_of(at: Path, names: Sequence[str], *settings: str) -> Run:
    data = [f"data.root={folder(at / 'first', names)}", "data.image_size=8", "data.workers=0"]
    return trained(new_run(at / "runs", dump_config(parse_config(CONFIG, overrides=["data.kind=image_folder", *data, *settings])), {}))


@pytest.mark.parametrize(
    ("now", "rows", "kept", "dropped"),
    [
        # Folders are numbered in the order of their names: new and gone ones move the others.
        (["green", "red", "white"], [1, 2, None], "the outputs of 2 classes, by name (green, red)", ["the outputs of 1 class (blue), which the data do not have", "white, new among the classes: its outputs begin anew"]),
        (["blue", "red"], [0, 2], "the outputs of 2 classes, by name (blue, red)", ["the outputs of 1 class (green), which the data do not have"]),
        (["blue", "green", "red", "white"], [0, 1, 2, None], "the outputs of 3 classes, by name (blue, green, red)", ["white, new among the classes: its outputs begin anew"]),
    ],
)
def test_a_fork_takes_the_outputs_of_each_class_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: list[str], rows: list[int | None], kept: str, dropped: list[str]) -> None:
    parent = parent_of(tmp_path, ["blue", "green", "red"])
    before = newest_state(parent)
    child = fork(parent, "training.epochs=5", f"data.root={folder(tmp_path / 'second', now)}")

    state = before_training(child, monkeypatch)

    head = ["head.weight", "head.bias"]
    for holder, prefix in (("model", ""), ("ema", "module.")):
        for name in head:
            for place, row in enumerate(rows):
                own = state[holder][prefix + name][place]
                if row is not None:
                    assert torch.equal(own, before[holder][prefix + name][row]), (holder, name, place)
                else:
                    assert not any(torch.equal(own, each) for each in before[holder][prefix + name])
        for name in before["model"]:
            if name not in head:
                assert torch.equal(state[holder][prefix + name], before[holder][prefix + name]), (holder, name)
    told = said(child)
    assert {kept, "all other weights"} <= set(told[0])
    assert "all weights" not in told[0]
    assert set(dropped) <= set(told[1])


def test_a_fork_on_classes_of_other_names_alone_begins_its_outputs_anew(tmp_path: Path) -> None:
    parent = parent_of(tmp_path, ["blue", "green"])
    child = trained(fork(parent, "training.epochs=5", f"data.root={folder(tmp_path / 'second', ['a_red', 'b_white'])}"))
    kept, dropped = said(child)
    assert not any("by name" in each for each in kept)
    assert "all other weights" in kept
    assert {"the outputs of 2 classes (blue, green), which the data do not have", "a_red, b_white, new among the classes: their outputs begin anew"} <= set(dropped)


def test_a_fork_on_another_text_takes_outputs_and_embedding_of_each_character(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, alphabet in (("first", "abcdefgh"), ("second", "bcdefghz")):
        (tmp_path / f"{name}.txt").write_text(alphabet * 100)
    settings = ["data.kind=text", f"data.file={tmp_path / 'first.txt'}", "model.kind=language_model", "model.num_layers=1", "model.hidden_size=16", "model.num_heads=2", "model.context=8"]
    parent = trained(new_run(tmp_path / "runs", dump_config(parse_config("[training]\nepochs = 1\nbatch_size = 4\ndevice = 'cpu'\n", overrides=settings)), {}))
    before = newest_state(parent)["model"]
    child = fork(parent, "training.epochs=2", f"data.file={tmp_path / 'second.txt'}")

    after = before_training(child, monkeypatch)["model"]

    rows = [name for name in before if before[name].shape[:1] == (8,) and before[name].dim() == 2 and before[name].shape[1] == 16]
    assert len(rows) >= 1
    changed = {name for name in rows if not torch.equal(before[name], after[name])}
    assert changed
    for name in changed:
        assert torch.equal(after[name][:7], before[name][1:])
        assert not torch.equal(after[name][7], before[name][0])
    kept, dropped = said(child)
    assert "the outputs of 7 characters, by name (b, c, d, e …)" in kept
    assert {"the outputs of 1 character (a), which the data do not have", "z, new among the characters: its outputs begin anew"} <= set(dropped)


def test_where_the_layer_of_the_outputs_cannot_be_told_the_fork_is_refused(tmp_path: Path) -> None:
    parent = parent_of(tmp_path, ["blue", "green"], "model.kind=custom", "model.target=tests.training.test_class_names:shifted")
    remember(code_of_run(parent))
    child = fork(parent, "training.epochs=5", f"data.root={folder(tmp_path / 'second', ['green', 'red'])}")
    assert work(child) == 1
    assert read_status(child).error == (
        "the classes of the data (green, red) are not those of the checkpoint (blue, green), and which layer's outputs are classes cannot be told; "
        "put the classes back, or start from the beginning with gradtop rerun"
    )


def test_a_resume_on_classes_of_other_names_is_refused(tmp_path: Path) -> None:
    parent = parent_of(tmp_path, ["blue", "green"])
    state = newest_state(parent)
    assert state["class_names"] == ["blue", "green"]
    (tmp_path / "first" / "green").rename(tmp_path / "first" / "a_green")
    before = checkpoint.saved_steps(parent.checkpoints)
    assert work(parent, resume=True) == 1
    assert "class" in read_status(parent).error
    assert checkpoint.saved_steps(parent.checkpoints) == before


class Shifted(torch.nn.Module):
    """What it returns is not what its last layer returns."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(features, 8), torch.nn.ReLU(), torch.nn.Linear(8, classes))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.body(inputs) + 1.0)


def shifted(channels: int, size: int, classes: int) -> torch.nn.Module:
    return Shifted(channels * size * size, classes)
