"""What every kind of data becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class DataInfo:
    """What a model must know of the data it is made for; images are square."""

    channels: int
    size: int
    classes: int


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
    prepare: Callable[[Tensor], Tensor] | None = None
