"""Images that are read from files, and a Dataset of the user's own, beside plain DataLoaders that do the same."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from gradtop.trainer.data.kinds.image_folder import ImageFolder
from gradtop.trainer.data.kinds.image_folder.images import read_picture
from gradtop.trainer.data.load import load_data
from gradtop.trainer.launch.worker_environment import worker_environment
from tests.bench.figure import Figure, in_turns, median_ratio
from tests.bench.lane import Lane

IMAGES, CLASSES, SIZE, BATCH, TIMES = 10_000, 10, 64, 64, 3
WIDTH, HEIGHT = 256, 192
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SAMPLES, WARM_UP, EPOCHS = 1_024, 1, 9
CUSTOM = f"""
[data]
kind = "custom"
target = "{__name__}:load"
[model]
kind = "cnn"
[schedule]
kind = "constant"
[training]
epochs = 1000
batch_size = {BATCH}
device = "cpu"
"""


class Stored(TorchDataset[tuple[Tensor, int]]):
    """What a Dataset of one's own does at least: a picture and its class."""

    classes = tuple(map(str, range(CLASSES)))

    def __init__(self, samples: int = SAMPLES) -> None:
        generator = torch.Generator().manual_seed(0)
        self._images = torch.randn(samples, 3, 32, 32, generator=generator)
        self._labels = torch.randint(CLASSES, (samples,), generator=generator).tolist()

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self._images[index], self._labels[index]


def load() -> tuple[Stored, Stored]:
    return Stored(), Stored(BATCH)


class SameDecoding(TorchDataset[tuple[Tensor, int]]):
    """The pictures of a folder, decoded as ours are and normalized one by one."""

    def __init__(self, root: Path) -> None:
        self._files = [(str(file), int(folder.name)) for folder in sorted(root.iterdir()) for file in sorted(folder.iterdir())]
        self._mean, self._std = (torch.tensor(each).view(3, 1, 1) for each in (MEAN, STD))

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, label = self._files[index]
        return (read_picture(path, SIZE).float().div_(255) - self._mean) / self._std, label


def measure(images: int = IMAGES) -> Iterator[Figure]:
    torch.set_num_threads(1)  # nothing here trains: what is read is all that is timed
    with tempfile.TemporaryDirectory(prefix="gradtop-") as folder:
        root = Path(folder)
        draw(root / "train", images)
        draw(root / "val", CLASSES)
        for workers in (0, 2):
            yield from of_folder(root, images, workers)
    yield of_custom()


def of_folder(root: Path, images: int, workers: int) -> Iterator[Figure]:
    from torchvision.datasets import ImageFolder as TorchvisionFolder
    from torchvision.transforms import v2

    usual = v2.Compose([v2.PILToTensor(), v2.Resize(SIZE, antialias=True), v2.CenterCrop(SIZE), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])
    config = ImageFolder(root=str(root), image_size=SIZE, workers=workers)
    batches = load_data(config, seed=0).training(BATCH, seed=0, device=torch.device("cpu"))
    plain: dict[str, TorchDataset[Any]] = {"torchvision's ImageFolder and transforms": TorchvisionFolder(root / "train", usual), "the same decoding": SameDecoding(root / "train")}
    loaders = {name: DataLoader(samples, BATCH, shuffle=True, num_workers=workers) for name, samples in plain.items()}
    ways: dict[str, Callable[[], float]] = {"ours": lambda: seconds(batches.epoch(0)), **{name: partial(seconds, loader) for name, loader in loaders.items()}}
    in_turns(ways, 1)
    taken = in_turns(ways, TIMES)
    for name in plain:
        ratio = median_ratio(taken[name], taken["ours"])
        yield Figure(
            f"a folder of {images:,} JPEGs, {workers} workers: images/s", ratio, "×", 1.0, at_least=True, ratio=ratio,
            reference=f"a DataLoader, {name}, {images / statistics.median(taken[name]):,.0f} images/s",
            details={"images/s": images / statistics.median(taken["ours"])},
        )


def of_custom() -> Figure:
    """Training with monitoring, beside a plain loop over a DataLoader of the same Dataset."""
    with tempfile.TemporaryDirectory(prefix="gradtop-") as folder, ExitStack() as stack:
        file = Path(folder) / "custom.toml"
        file.write_text(CUSTOM, encoding="utf-8")
        lanes = {way: Lane((way,), file, (), env) for way, env in (("watched", worker_environment()), ("plain", dict(os.environ)))}
        for lane in lanes.values():
            stack.callback(lane.close)
        ways = {way: partial(lane.epoch, way) for way, lane in lanes.items()}
        in_turns(ways, WARM_UP)
        taken = in_turns(ways, EPOCHS)
    ratio = median_ratio(taken["plain"], taken["watched"])
    reference = f"a plain PyTorch loop, {SAMPLES / statistics.median(taken['plain']):,.0f} samples/s"
    return Figure("a Dataset of one's own: samples/s", ratio, "×", 0.98, at_least=True, reference=reference, ratio=ratio, details={"samples/s": SAMPLES / statistics.median(taken["watched"])})


def seconds(batches: Any) -> float:
    begin = time.perf_counter()
    for _ in batches:
        pass
    return time.perf_counter() - begin


def draw(root: Path, images: int) -> None:
    """Pictures with something in them: noise alone takes a decoder longer than photographs do."""
    from PIL import Image

    generator = torch.Generator().manual_seed(0)
    for number in range(images):
        file = root / str(number % CLASSES) / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        blurred = torch.nn.functional.interpolate(torch.rand(1, 3, 12, 16, generator=generator), (HEIGHT, WIDTH), mode="bilinear")[0]
        pixels = (blurred + 0.05 * torch.rand(1, HEIGHT, WIDTH, generator=generator)).clamp_(0, 1).mul_(255).byte().permute(1, 2, 0)
        Image.fromarray(pixels.numpy()).save(file, quality=90)
