"""Images varied on the device, the whole batch at once, against workers that vary them one by one with torchvision."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from gradtop.trainer.config import AugmentConfig
from gradtop.trainer.data.augment import augmentation
from gradtop.trainer.data.dataset import DataInfo, Source
from gradtop.trainer.data.dataset import Dataset as StoredImages
from gradtop.trainer.data.normalise import Normalise
from tests.bench.figure import Figure, in_turns, median_ratio

SAMPLES, BATCH, WORKERS, TIMES = 4_096, 128, 2, 7
CLASSES = 10
MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)
EVERYTHING = AugmentConfig(flip=0.5, rotation=15, crop=4, brightness=0.2, contrast=0.2, erasing=0.25)
USUAL = AugmentConfig(flip=0.5, crop=4)
EACH = {
    "flip and crop": (USUAL, [v2.RandomHorizontalFlip(0.5), v2.RandomCrop(32, padding=4)]),
    "all that varies one image": (
        EVERYTHING,
        [
            v2.RandomHorizontalFlip(0.5),
            v2.RandomCrop(32, padding=4),
            v2.RandomRotation(15, interpolation=v2.InterpolationMode.BILINEAR),
            v2.ColorJitter(brightness=0.2, contrast=0.2),
            v2.RandomErasing(0.25),
        ],
    ),
}


class OneByOne(Dataset[tuple[Tensor, Tensor]]):
    """As torchvision's own sets are trained with."""

    def __init__(self, images: Tensor, labels: Tensor, varied: list[torch.nn.Module]) -> None:
        self._images = images
        self._labels = labels
        self._ready = v2.Compose([*varied, v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self._ready(self._images[index]), self._labels[index]


def measure() -> Iterator[Figure]:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (SAMPLES, 3, 32, 32), dtype=torch.uint8, generator=generator)
    labels = torch.randint(CLASSES, (SAMPLES,), generator=generator)
    info = DataInfo(channels=3, size=32, classes=CLASSES)
    source = StoredImages(images, labels, images, labels, info, Normalise(MEAN, STD))
    for name, (config, varied) in EACH.items():
        loader = DataLoader(
            OneByOne(images, labels, varied), BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=True,
            pin_memory=device.type == "cuda",
        )
        ways: dict[str, Callable[[], None]] = {"ours": on_device(source, config, device), "theirs": partial(by_workers, loader, device)}
        timed = {way: partial(seconds, epoch, device) for way, epoch in ways.items()}
        in_turns(timed, 1)
        taken = in_turns(timed, TIMES)
        ours, theirs = (SAMPLES / statistics.median(taken[way]) for way in ("ours", "theirs"))
        reference = f"{WORKERS} DataLoader workers, {theirs:,.0f} samples/s"
        ratio = median_ratio(taken["theirs"], taken["ours"])
        yield Figure(
            f"augmentation on {device.type}: {name}", ratio, "×", 1.0, at_least=True, reference=reference, ratio=ratio,
            details={"samples/s": ours},
        )


def on_device(source: Source, config: AugmentConfig, device: torch.device) -> Callable[[], None]:
    vary = augmentation(config, source, seed=0)
    assert vary is not None
    batches = source.training(BATCH, seed=0, device=device)
    batches.prepare = None

    def epoch() -> None:
        for number, (images, labels) in enumerate(batches.epoch(0)):
            vary(images, labels, number)

    return epoch


def by_workers(loader: DataLoader[tuple[Tensor, Tensor]], device: torch.device) -> None:
    for images, labels in loader:
        images.to(device, non_blocking=True)
        labels.to(device, non_blocking=True)


def seconds(epoch: Callable[[], None], device: torch.device) -> float:
    begin = time.perf_counter()
    epoch()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin
