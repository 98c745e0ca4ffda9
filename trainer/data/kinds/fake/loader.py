"""Random images that can be learned."""

from __future__ import annotations

import math

import psutil
import torch
from torch import Tensor

from gradtop.trainer.data.dataset import DataInfo, Dataset
from gradtop.trainer.data.kinds.fake import Fake
from gradtop.trainer.runtime.errors import UserError


def load(config: Fake, *, seed: int, context: int = 0) -> Dataset:  # noqa: ARG001 - images have none
    """Each class has a picture of its own, and each image is that picture under as much noise; mean 0, deviation 1."""
    samples, classes = config.samples, config.classes
    # A fifth as many for validation, but enough of them for an accuracy that means something.
    held_out = max(samples // 5, 100)
    shape = (config.channels, config.image_size, config.image_size)
    _check_room((samples + held_out + classes) * math.prod(shape) * 4)
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.randn(classes, *shape, generator=generator)

    def images(labels: Tensor) -> Tensor:
        # In place: with many samples there may be room for the images, but not for them twice.
        noise = torch.randn(len(labels), *shape, generator=generator)
        for start in range(0, len(labels), 4096):
            some = slice(start, start + 4096)
            noise[some].add_(pictures[labels[some]]).mul_(0.5**0.5)
        return noise

    train_labels = torch.arange(samples) % classes
    val_labels = torch.arange(held_out) % classes
    return Dataset(
        train_images=images(train_labels),
        train_labels=train_labels,
        val_images=images(val_labels),
        val_labels=val_labels,
        info=DataInfo(channels=config.channels, size=config.image_size, classes=classes),
    )


def _check_room(needed: int) -> None:
    free = psutil.virtual_memory().available
    if needed > free:
        raise UserError(
            f"these fake images take {needed / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} GB are free; "
            "make data.samples or data.image_size smaller"
        )
