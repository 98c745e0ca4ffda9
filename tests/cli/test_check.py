"""check: what is found of a configuration before it trains, against references computed here."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from gradtop.trainer.launch import answers
from gradtop.trainer.server.model_doubts import doubts_of_outputs
from gradtop.trainer.server.requests import answer_to
from gradtop.trainer.tasks.kinds.multi_label.labeler import Labeler
from tests.cli.command import GRADTOP, ROOT, environment
from tests.cli.conftest import Gradtop

MLP = """\
[model]
kind = "mlp"
hidden = [16]
dropout = 0.0

[data]
kind = "digits"

[optimizer]
kind = "sgd"
lr = 0.1
momentum = 0.9

[schedule]
kind = "cosine"
warmup_steps = 3

[training]
epochs = 2
batch_size = 32
device = "cpu"
threads = 1
"""
DIGITS = 1797  # images in scikit-learn's data set of this name
UNEVEN = """\
import torch
from torch.utils.data import TensorDataset

def load():
    inputs = torch.zeros(40, 1, 8, 8)
    labels = torch.tensor([0, 2] * 20)
    return TensorDataset(inputs, labels), TensorDataset(inputs, labels)
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mlp.toml"
    path.write_text(MLP)
    return path


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work of the torch server's child, without one."""

    def work(kind: str, arguments: Mapping[str, Any], *, server: bool = True, progress: Callable[[Mapping[str, Any]], object]) -> dict[str, Any]:
        state, threads = torch.get_rng_state(), torch.get_num_threads()
        try:
            return answers._checked(answer_to(kind, arguments, lambda said: progress(said["progress"])))
        finally:
            torch.set_rng_state(state)
            torch.set_num_threads(threads)

    monkeypatch.setattr(answers, "request_work", work)


def found_in(gradtop: Gradtop, *arguments: object) -> dict[str, Any]:
    said = gradtop("check", *arguments, "--json")
    assert (said.code, said.err) == (0, "")
    found: dict[str, Any] = json.loads(said.out)
    return found


def test_what_is_found_equals_what_plain_pytorch_finds(gradtop: Gradtop, config: Path, tmp_path: Path) -> None:
    found = found_in(gradtop, config)
    assert (found["ok"], found["problems"]) == (True, [])
    data = found["data"]
    assert data["training"] + data["validation"] == DIGITS
    assert (data["classes"], sum(data["class_counts"])) == (10, data["training"])
    weights = 64 * 16 + 16 + 16 * 10 + 10
    assert (found["model"]["parameters"], found["model"]["trainable"], found["model"]["outputs"]) == (weights, weights, [32, 10])
    steps = 2 * math.ceil(data["training"] / 32)
    assert (found["steps"], found["steps_per_epoch"]) == (steps, steps // 2)
    assert [each["step"] for each in found["lr"]] == [1, 3, steps]
    assert found["lr"][1]["lr"] == pytest.approx(0.1 * (0.01 + 0.99 * 2 / 3))  # the third step of torch's LinearLR from 1 % in 3 steps
    assert found["loss"]["samples"] == 32
    assert 1.8 < found["loss"]["value"] < 3.5  # about ln 10
    shares = [count / data["training"] for count in data["class_counts"]]
    assert data["chance"] == pytest.approx(-sum(share * math.log(share) for share in shares))
    assert not (tmp_path / "runs").exists()


def test_memory_is_that_of_the_tensors(gradtop: Gradtop, config: Path) -> None:
    memory = found_in(gradtop, config)["memory"]
    weights = 4 * (64 * 16 + 16 + 16 * 10 + 10)
    # Momentum is one more copy of the weights. Buffers of the model may come beside the parameters.
    assert (memory["gradients"], memory["optimizer"], memory["ema"]) == (weights, weights, 0)
    assert weights <= memory["parameters"] <= weights + 1024
    # The backward pass keeps the input of each layer, 64 and 16 values, and 10 logarithms of probabilities; with them the label, int64.
    assert memory["per_sample"] == 4 * (64 + 16 + 10) + 8
    assert memory["activations"] == pytest.approx(32 * memory["per_sample"], abs=64)  # and the sum of the weights of the loss
    larger = found_in(gradtop, config, "training.batch_size=320")["memory"]
    assert larger["activations"] - memory["activations"] == 288 * memory["per_sample"]
    assert memory["total"] == sum(memory[name] for name in ("parameters", "gradients", "optimizer", "ema", "activations"))
    assert found_in(gradtop, config, "training.ema=0.9")["memory"]["ema"] >= weights
    assert found_in(gradtop, config, "optimizer.kind=adam")["memory"]["optimizer"] >= 2 * weights


def test_what_is_frozen_is_named(gradtop: Gradtop, config: Path) -> None:
    found = found_in(gradtop, config, "freeze.kind=partial", "freeze.layers=1", "freeze.unfreeze_epoch=2")
    frozen = found["frozen"]
    assert (frozen["tensors"], frozen["parameters"], frozen["until_epoch"]) == (2, 64 * 16 + 16, 2)
    assert found["model"]["trainable"] == 16 * 10 + 10
    said = gradtop("check", config, "freeze.kind=partial", "freeze.layers=1").out
    assert "1\u202f040 parameters: linear1.bias, linear1.weight" in said


def test_people_read_it_in_lines(gradtop: Gradtop, config: Path) -> None:
    said = gradtop("check", config)
    assert (said.code, said.err) == (0, "")
    titles = [line[2:17].strip() for line in said.out.splitlines()[:-1]]
    assert titles == ["data", "classes", "first batch", "model", "frozen", "loss", "steps", "learning rate", "memory", "", ""]
    assert "32×1×8×8 float32" in said.out
    assert said.out.endswith("mlp.toml can be trained.\n")


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        (["optimizer.lr=-1", "model.hiden=3"], ["model.hiden: unknown key; did you mean hidden?", "optimizer.lr: must be a number > 0, not -1"]),
        (["freeze.kind=pattern", "freeze.patterns=nothing*"], ["freeze.patterns: no parameter matches 'nothing*'"]),
        (["data.kind=image_folder", "data.root=nowhere"], ["nowhere"]),
        (["training.monitor=perplexity"], ["training.monitor: perplexity requires labels of tokens"]),
        (["training.batch_size=10000000", "model.hidden=[100000]", "schedule.warmup_steps=0"], ["takes more memory than is free"]),
    ],
    ids=lambda each: each[0] if "=" in each[0] else "",
)
def test_what_cannot_be_trained_is_said_and_the_code_is_1(gradtop: Gradtop, config: Path, changes: list[str], sentences: list[str]) -> None:
    said = gradtop("check", config, *changes)
    assert said.code == 1
    assert all(sentence in said.err for sentence in sentences)
    assert "can be trained" not in said.out
    said = gradtop("check", config, *changes, "--json")
    found = json.loads(said.out)
    assert (said.code, said.err, found["ok"]) == (1, "", False)
    assert all(any(sentence in problem for problem in found["problems"]) for sentence in sentences)


def test_data_that_say_little_are_a_problem(gradtop: Gradtop, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uneven_data.py").write_text(UNEVEN)
    monkeypatch.syspath_prepend(tmp_path)
    said = gradtop("check", config, "data.kind=custom", "data.target=uneven_data:load")
    assert said.code == 1
    assert "all input values of the first batch are 0" in said.err
    assert "1 of 3 classes have no training sample: 1" in said.err
    assert "Traceback" not in said.err


DOUBTFUL = """\
from torch import nn

class Net(nn.Module):
    def __init__(self, cut, end):
        super().__init__()
        self.stem, self.head, self.spare = nn.Linear(64, 8), nn.Linear(8, 10), nn.Linear(3, 2)
        self.cut, self.end = cut, {"softmax": nn.Softmax(-1), "log_softmax": nn.LogSoftmax(-1), "": nn.Identity()}[end]

    def forward(self, inputs):
        found = self.stem(inputs.flatten(1)).relu()
        return self.end(self.head(found.detach() if self.cut else found)) + (0 if self.cut else 0 * self.spare.weight.sum() * self.spare.bias.sum())

def build(cut, end):
    return Net(cut, end)
"""


def test_a_model_that_trains_in_part_or_ends_in_a_softmax_is_told(gradtop: Gradtop, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "doubtful.py").write_text(DOUBTFUL)
    monkeypatch.syspath_prepend(tmp_path)

    def notes(cut: str, end: str) -> list[str]:
        found = found_in(gradtop, config, "model.kind=custom", "model.target=doubtful:build", f"model.arguments={{cut = {cut}, end = '{end}'}}")
        return [str(note) for note in found["notes"]]

    cut, softmax = notes("true", "softmax")[::-1]
    values = 64 * 8 + 8 + 3 * 2 + 2
    assert cut.startswith(f"no gradient reaches 4 of 6 parameters ({values} values), which will not train: stem.weight, stem.bias, spare.weight and 1 more; ")
    assert softmax.startswith("the outputs of the model are probabilities")
    # A second logarithm of a softmax changes nothing; a gradient of zero is one.
    assert notes("false", "log_softmax") == notes("false", "") == []


def test_outputs_between_0_and_1_are_told_of_several_labels_alone() -> None:
    drawn = torch.rand(16, 4) * 0.98 + 0.01
    labels = Labeler.__new__(Labeler)
    assert [each for each in doubts_of_outputs(labels, drawn) if "sigmoid" in each]
    assert not [*doubts_of_outputs(labels, drawn - 0.5), *doubts_of_outputs(labels, drawn[:2]), *doubts_of_outputs(object(), drawn.softmax(1)), *doubts_of_outputs(labels, None)]


def test_a_label_that_is_ignored_is_no_class(gradtop: Gradtop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "masks.toml").write_text((ROOT / "configs" / "segmentation.toml").read_text())
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(ROOT)
    found = found_in(gradtop, tmp_path / "masks.toml")
    assert (found["data"]["classes"], found["batch"]["classes"]) == (3, 3)
    assert found["model"]["outputs"] == [16, 3, 16, 16]


def test_a_file_that_is_not_there_is_a_usage_error(gradtop: Gradtop) -> None:
    said = gradtop("check", "nowhere.toml")
    assert (said.code, said.out) == (2, "")
    assert "there is no file nowhere.toml" in said.err


def test_the_command_asks_a_process_that_has_pytorch(config: Path) -> None:
    command = [*GRADTOP, "check", str(config), "--no-server", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=ROOT, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["model"]["kind"] == "mlp"
