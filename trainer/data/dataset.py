"""What every kind of data becomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from gradtop.trainer.data.batches import Batches, Prepare


@dataclass(frozen=True)
class DataInfo:
    """What a model must know of the data it is made for; images are square."""

    channels: int
    size: int
    classes: int


class Tones(NamedTuple):
    """What is black and what is white in images as they are stored, channel by channel: (channels, 1, 1), float32."""

    black: Tensor
    white: Tensor


def tones_of(images: Tensor) -> Tones | None:
    """Of bytes 0 and 255; of other values the least and the largest; None where these are no images."""
    if images.dim() != 4 or not (images.dtype == torch.uint8 or images.is_floating_point()):
        return None
    if images.dtype == torch.uint8:
        return Tones(torch.zeros(images.shape[1], 1, 1), torch.full((images.shape[1], 1, 1), 255.0))
    least, largest = (bound(dim=(0, 2, 3)).view(-1, 1, 1) for bound in (images.amin, images.amax))
    return Tones(least, largest)


class TrainingBatches(Protocol):
    """Seed, epoch and position alone decide what a batch holds. `prepare` may be set to None: inputs then come as stored."""

    prepare: Prepare | None

    @property
    def batch_size(self) -> int: ...

    @property
    def per_epoch(self) -> int: ...

    def epoch(self, epoch: int, *, skip: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and targets of `epoch` (counted from 0) on the device, from batch number `skip` on."""
        ...


class Source(Protocol):
    """What a training takes its batches from; `prepare` makes stored inputs ready for the model."""

    @property
    def info(self) -> DataInfo: ...

    @property
    def prepare(self) -> Prepare | None: ...

    @property
    def tones(self) -> Tones | None:
        """None where the inputs are no images."""
        ...

    def training(self, batch_size: int, *, seed: int, device: torch.device) -> TrainingBatches: ...

    def validation(self, batch_size: int, device: torch.device) -> Iterable[tuple[Tensor, Tensor]]:
        """Batches that are ready for the model, the same ones each time they are iterated over."""
        ...


@dataclass(frozen=True)
class Dataset:
    """Images (samples, channels, size, size) and labels (samples,), int64, on the CPU.

    Images are float32 and ready for the model, or stored as uint8: then `prepare` makes them so, a batch at a time, on
    whatever device they lie.
    """

    train_images: Tensor
    train_labels: Tensor
    val_images: Tensor
    val_labels: Tensor
    info: DataInfo
    prepare: Prepare | None = None

    @property
    def tones(self) -> Tones | None:
        return tones_of(self.train_images)

    def training(self, batch_size: int, *, seed: int, device: torch.device) -> Batches:
        images, labels = self.train_images.to(device), self.train_labels.to(device)
        return Batches(images, labels, batch_size, seed=seed, prepare=self.prepare)

    def validation(self, batch_size: int, device: torch.device) -> Parts:
        return Parts(self.val_images.to(device), self.val_labels.to(device), batch_size, self.prepare)


@dataclass(frozen=True)
class Parts:
    """All of it in order, a batch at a time."""

    images: Tensor
    labels: Tensor
    batch_size: int
    prepare: Prepare | None = None

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for images, labels in zip(torch.split(self.images, self.batch_size), torch.split(self.labels, self.batch_size), strict=True):
            yield (self.prepare(images) if self.prepare else images), labels
