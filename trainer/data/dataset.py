"""What every kind of data becomes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from gradtop.trainer.data.absent import Absence
from gradtop.trainer.data.batches import Batches, Draw, Prepare
from gradtop.trainer.data.fingerprint import Fingerprint, digest_of
from gradtop.trainer.data.loading import Reading
from gradtop.trainer.data.nested import ModelInputs, on_device, split_rows, tensors_in
from gradtop.trainer.data.sample_form import PLAIN, SampleForm
from gradtop.trainer.named_tuple import NamedTuple

# So many rows, evenly spread, stand for a tensor in the digest of a data set; of labels and characters more.
_ROWS = 64
_NUMBERS = 1 << 18


@dataclass(frozen=True)
class DataInfo:
    """What a model must know of the data it is made for; images are square. `targets` are the numbers to predict for each sample, where there are no classes;
    `pixels` is whether there is a class for each pixel, `nested` whether an input is more than one tensor.

    Of a table the last columns are categories, of which there are so many numbers each; the others are numbers.
    """

    channels: int
    size: int
    classes: int
    targets: int = 0
    pixels: bool = False
    categories: tuple[int, ...] = ()
    nested: bool = field(default=False, repr=False)  # fingerprints have its text

    @property
    def outputs(self) -> int:
        """How many values a model gives for each sample, or each token."""
        return self.targets or self.classes


@dataclass(frozen=True)
class Survey:
    """What a first look at the data has found: sentences to be said once, settings by key that had been left open, and classes without a sample.

    Whoever goes on with the run needs the same settings, so that the model sees the same.
    """

    notes: Sequence[str] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    absent: Sequence[Absence] = ()
    unread: frozenset[str] = frozenset()  # parts of which only some labels were looked at


class Tones(NamedTuple):
    """What is black and what is white in images as they are stored, channel by channel: (channels, 1, 1), float32."""

    black: Tensor
    white: Tensor


def tones_of(images: ModelInputs) -> Tones | None:
    """Of bytes 0 and 255; of other values the least and the largest; None where these are no images."""
    if not isinstance(images, Tensor) or images.dim() != 4 or not (images.dtype == torch.uint8 or images.is_floating_point()):
        return None
    if images.dtype == torch.uint8:
        return Tones(torch.zeros(images.shape[1], 1, 1), torch.full((images.shape[1], 1, 1), 255.0))
    least, largest = (bound(dim=(0, 2, 3)).view(-1, 1, 1) for bound in (images.amin, images.amax))
    return Tones(least, largest)


def spread_rows(values: Tensor, most: int = _NUMBERS) -> bytes:
    """What is digested of a tensor: its kind, its shape, and about `most` of its rows, evenly spread."""
    rows = values[:: max(len(values) // most, 1)].contiguous()
    return f"{values.dtype} {tuple(values.shape)} ".encode() + bytes_of(rows)


def bytes_of(values: Tensor) -> bytes:
    """As they lie in memory, of a contiguous tensor on the CPU."""
    return ctypes.string_at(values.data_ptr(), values.nbytes)


class TrainingBatches(Protocol):
    """Seed, epoch and position alone decide what a batch holds. `prepare` may be set to None: inputs then come as stored. `draw` may be set: it
    decides which samples an epoch trains on.
    """

    prepare: Prepare | None
    draw: Draw | None

    @property
    def batch_size(self) -> int: ...

    per_epoch: int

    def epoch(self, epoch: int, *, skip: int = 0) -> Iterator[tuple[ModelInputs, Tensor]]:
        """Inputs and targets of `epoch` (counted from 0) on the device, from batch number `skip` on."""
        ...


def counts_epochs(batches: TrainingBatches) -> bool:
    """Whether there are epochs: of data without a length `per_epoch` is only how often they are evaluated."""
    return bool(getattr(batches, "counts_epochs", True))


class KeptEncoding(Protocol):
    """How samples become inputs, where that is more than a shape."""

    def record(self) -> dict[str, Any]:
        """As a checkpoint keeps it."""
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

    @property
    def reading(self) -> Reading | None:
        """How samples are read one by one; None where all of them lie in memory."""
        ...

    @property
    def survey(self) -> Survey: ...

    @property
    def labels(self) -> Tensor | None:
        """Class numbers or values to predict, of training, where all of them lie in memory."""
        ...

    @property
    def tokens_per_sample(self) -> int:
        """Labels of one sample where it has several, else 0."""
        ...

    def training(self, batch_size: int, *, seed: int, device: torch.device) -> TrainingBatches: ...

    def validation(self, batch_size: int, device: torch.device) -> Iterable[tuple[ModelInputs, Tensor]]:
        """Batches that are ready for the model, the same ones each time they are iterated over."""
        ...

    def fingerprint(self) -> Fingerprint:
        """What the data are recognised by when a run goes on; takes milliseconds."""
        ...


@dataclass(frozen=True)
class Dataset:
    """Images (samples, channels, size, size) and labels (samples,), int64, on the CPU.

    Images are float32 and ready for the model, or stored as uint8: then `prepare` makes them so, a batch at a time, on
    whatever device they lie. Data of the user's own may have several tensors for each sample.
    """

    train_images: ModelInputs
    train_labels: Tensor
    val_images: ModelInputs
    val_labels: Tensor
    info: DataInfo
    prepare: Prepare | None = None
    survey: Survey = field(default_factory=Survey)
    weights: Tensor | None = None  # by which training samples may be drawn
    form: SampleForm = PLAIN
    held_out: Callable[[], Mapping[str, Any]] | None = None  # what takes the place of the validation set where the test set is evaluated

    @property
    def reading(self) -> None:
        return None

    @property
    def tones(self) -> Tones | None:
        return tones_of(self.train_images)

    @property
    def labels(self) -> Tensor:
        return self.train_labels

    @property
    def tokens_per_sample(self) -> int:
        return 0 if self.info.pixels else labels_per_sample(self.train_labels)

    def training(self, batch_size: int, *, seed: int, device: torch.device) -> Batches:
        images, labels = on_device(self.train_images, device), self.train_labels.to(device)
        return Batches(images, labels, batch_size, seed=seed, prepare=self.prepare)

    def validation(self, batch_size: int, device: torch.device) -> ValidationBatches:
        return ValidationBatches(on_device(self.val_images, device), self.val_labels.to(device), batch_size, self.prepare)

    def fingerprint(self) -> Fingerprint:
        digest = digest_of(part for images, labels in ((self.train_images, self.train_labels), (self.val_images, self.val_labels))
                           for part in (*(spread_rows(each, _ROWS) for each in tensors_in(images)), spread_rows(labels, _NUMBERS)))
        return Fingerprint(len(self.train_labels), len(self.val_labels), (), digest)


def labels_per_sample(labels: Tensor) -> int:
    """Labels of one sample where it has several, else 0."""
    return labels[0].numel() if labels.dim() > 1 and len(labels) and not labels.is_floating_point() else 0


@dataclass(frozen=True)
class ValidationBatches:
    """All of it in order, a batch at a time."""

    images: ModelInputs
    labels: Tensor
    batch_size: int
    prepare: Prepare | None = None

    def __iter__(self) -> Iterator[tuple[ModelInputs, Tensor]]:
        split = partial(torch.split, split_size_or_sections=self.batch_size)
        for images, labels in zip(split_rows(self.images, split), split(self.labels), strict=True):
            yield (self.prepare(images) if self.prepare and isinstance(images, Tensor) else images), labels
