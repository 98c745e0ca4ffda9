"""Each kind of every section trains: through the real worker, the loss of a tiny problem falls. A new kind fails until it is here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import datasets

from gradtop.trainer.config import apply_overrides, dump_config, parse_config, sections
from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.runtime.worker import work
from tests.data.files import mnist_files, put, small_cifar
from tests.training.kinds import OPTIMIZERS, SCHEDULES
from tests.training.runs import newest_state, rows

BASE = parse_config("""
[model]
kind = "mlp"
hidden = [16, 16]

[data]
kind = "fake"
samples = 48
classes = 3
image_size = 4
channels = 1

[optimizer]
kind = "adam"
lr = 0.01

[schedule]
kind = "constant"

[training]
epochs = 8
batch_size = 8
device = "cpu"
""")

# The smallest of torchvision's that trains fast on pictures this small.
SMALL = ["model.name=shufflenet_v2_x0_5", "data.image_size=32", "data.samples=32", "training.batch_size=16", "training.epochs=4"]
MODELS = {
    "mlp": [],
    "cnn": ["model.channels=8"],
    "transformer": ["model.num_layers=1", "model.hidden_size=16", "model.num_heads=2"],
    "language_model": ["data.kind=text", "data.file=text.txt", "model.num_layers=1", "model.hidden_size=16", "model.num_heads=2", "model.context=8", "training.epochs=4"],
    "shared": ["model.hidden_size=16", "model.num_layers=2"],
    "torchvision": SMALL,
    "custom": [f"model.target={__name__}:linear", "model.arguments={bias = false}"],
}
DATA = {
    "digits": ["training.steps=60", "training.batch_size=32"],
    "mnist": ["training.epochs=16"],
    "fashion_mnist": [],
    "cifar10": [],
    "cifar100": [],
    "image_folder": ["data.root=images", "data.image_size=8", "data.workers=0"],
    "text": ["model.kind=language_model", *MODELS["language_model"]],
    "table": ["data.file=rows.csv", "data.target=kind"],
    "fake": [],
    "custom": [f"data.target={__name__}:blobs", "data.arguments={count = 40}"],
    "hf": ["data.root=saved", "data.image_size=8", "data.workers=0"],
}
INITIALISATIONS = {
    "default": [],
    "xavier_uniform": [],
    "xavier_normal": [],
    "kaiming_uniform": [],
    "kaiming_normal": [],
    "normal": ["init.std=0.1"],
    "orthogonal": [],
    "zeros": [],
}
FREEZES = {
    "none": [],
    "early": [],
    "partial": [],
    "backbone": ["optimizer.lr=0.2"],
    "pattern": ["freeze.patterns=linear1.*"],
}
TARGETS = "tests.tasks.data"
TASKS = {
    "auto": [],
    "classification": [],
    "language_model": ["model.kind=language_model", *MODELS["language_model"]],
    "regression": ["data.kind=custom", f"data.target={TARGETS}:slope"],
    "multi_label": ["data.kind=custom", f"data.target={TARGETS}:tags"],
    "custom": [f"task.target={__name__}:cross_entropy"],
    "segmentation": ["data.kind=custom", f"data.target={TARGETS}:masks", "model.kind=custom", f"model.target={TARGETS}:pixel_classifier"],
}
CASES = {"task": TASKS, "model": MODELS, "data": DATA, "optimizer": OPTIMIZERS, "schedule": SCHEDULES, "init": INITIALISATIONS, "freeze": FREEZES}
KINDS = [(part.name, kind) for part in sections() for kind in part.kinds]
# What its help says: that hidden layers learn nothing.
LEARNS_NOT = ("init", "zeros")


def linear(*, channels: int, size: int, classes: int, bias: bool) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, classes, bias=bias))


def cross_entropy(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    inputs, labels = batch
    return nn.functional.cross_entropy(model(inputs), labels)


def blobs(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Two sets of vectors around the corners of a triangle."""
    labels = torch.arange(count) % 3
    noise = torch.randn(2, count, 3, generator=torch.Generator().manual_seed(0))
    return [(nn.functional.one_hot(labels, 3) + 0.3 * each, labels) for each in noise]


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts what a kind of data needs where its settings look for it."""
    monkeypatch.chdir(tmp_path)

    def provide(kind: str) -> None:
        match kind:
            case "mnist" | "fashion_mnist":
                put(tmp_path / "data" / {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}[kind] / "raw", mnist_files())
            case "cifar10" | "cifar100":
                source = getattr(datasets, kind.upper())
                files, _ = small_cifar(monkeypatch, source, int(kind.removeprefix("cifar")), "")
                put(tmp_path / "data" / source.base_folder, files)
            case "image_folder":
                for label, shade in (("dark", 40), ("light", 200)):
                    (tmp_path / "images" / label).mkdir(parents=True)
                    for number in range(16):
                        Image.new("RGB", (8, 8), (shade + number,) * 3).save(tmp_path / "images" / label / f"{number}.png")
            case "table":
                rows = "".join(f"{number % 3 + number / 1000},{'ab'[number % 2]},{('low', 'middle', 'high')[number % 3]}\n" for number in range(90))
                (tmp_path / "rows.csv").write_text(f"size,word,kind\n{rows}")
            case "hf":
                import datasets as saved

                images = [Image.new("RGB", (8, 8), (shade + number,) * 3) for number in range(16) for shade in (40, 200)]
                whole = saved.Dataset.from_dict({"image": images, "label": [0, 1] * 16}, features=saved.Features({"image": saved.Image(), "label": saved.ClassLabel(names=["dark", "light"])}))
                saved.DatasetDict({"train": whole.select(range(24)), "validation": whole.select(range(24, 32))}).save_to_disk(str(tmp_path / "saved"))
            case "text":
                (tmp_path / "text.txt").write_text("over and over and over again. " * 15)
            case _:
                pass

    return provide


def trained(folder: Path, settings: list[str]) -> Run:
    run = new_run(folder / "runs", dump_config(apply_overrides(BASE, settings)), {})
    assert work(run) == 0, read_status(run).error
    return run


def losses(run: Run) -> tuple[float, float]:
    """The means of the first and of the last quarter of the steps."""
    every = [loss for _, loss in rows(run, "steps", "loss")]
    quarter = len(every) // 4
    return fmean(every[:quarter]), fmean(every[-quarter:])


@pytest.fixture(scope="module")
def learned() -> dict[str, tuple[float, float]]:
    """The losses of each configuration that was trained: several kinds are those of the base, and of one text model."""
    return {}


def test_every_section_that_has_kinds_is_tried() -> None:
    assert {name for name, _ in KINDS} == set(CASES)


@pytest.mark.parametrize(("section", "kind"), [each for each in KINDS if each != LEARNS_NOT], ids=lambda word: word)
def test_the_loss_of_a_tiny_problem_falls(
    tmp_path: Path, surroundings: Callable[[str], None], learned: dict[str, tuple[float, float]], section: str, kind: str
) -> None:
    assert kind in CASES.get(section, {}), f"{section}.kind = {kind} is new: say here how it trains on a tiny problem"
    settings = [f"{section}.kind={kind}", *CASES[section][kind]]
    config = apply_overrides(BASE, settings)
    if (text := dump_config(config)) not in learned:
        surroundings(config.data.kind)
        learned[text] = losses(trained(tmp_path, settings))

    before, after = learned[text]

    assert after < 0.8 * before, (before, after)


def test_from_zeros_the_hidden_layers_learn_nothing(tmp_path: Path) -> None:
    run = trained(tmp_path, ["init.kind=zeros", "training.epochs=2"])

    learned = {name for name, value in newest_state(run)["model"].items() if value.any()}
    assert learned == {"head.bias"}
    before, after = losses(run)
    assert after == pytest.approx(before, rel=0.05)
