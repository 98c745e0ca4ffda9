"""Pictures of a folder as a source of batches, with a class or a mask each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import torch

from gradtop.trainer.data.dataset import DataInfo, Survey, Tones
from gradtop.trainer.data.fingerprint import Fingerprint, digest_of
from gradtop.trainer.data.kinds.image_folder.listing import File
from gradtop.trainer.data.loading import LoadedBatches, LoadedParts, Reading, Samples
from gradtop.trainer.data.normalise import IMAGENET, Normalise


class FileSamples(Samples, Protocol):
    """Samples that are read from files."""

    @property
    def files(self) -> Sequence[File]: ...


PictureFiles = TypeVar("PictureFiles", bound=FileSamples)


@dataclass(frozen=True)
class PictureSource(Generic[PictureFiles]):
    """Pictures that are read while training, batch by batch, and normalised on the device.

    A file that turns out to hold no picture is left out and told of; too many of them end the training.
    """

    train: PictureFiles
    val: PictureFiles
    info: DataInfo
    reading: Reading
    classes: tuple[str, ...]
    root: Path
    survey: Survey = field(default_factory=Survey)
    tokens_per_sample: int = 0
    prepare: Normalise = field(default_factory=lambda: Normalise(*IMAGENET))

    @property
    def tones(self) -> Tones:
        return Tones(torch.zeros(3, 1, 1), torch.full((3, 1, 1), 255.0))

    def training(self, batch_size: int, *, seed: int, device: torch.device) -> LoadedBatches:
        return LoadedBatches(self.train, self.reading, batch_size, seed=seed, device=device, prepare=self.prepare)

    def validation(self, batch_size: int, device: torch.device) -> LoadedParts:
        return LoadedParts(self.val, self.reading, batch_size, device, self.prepare)

    def fingerprint(self) -> Fingerprint:
        """By names and sizes of the files: no matter where the folder lies."""
        beyond = len(str(self.root))
        digest = digest_of(f"{file.path[beyond:]} {file.size}".encode(errors="surrogateescape") for part in (self.train, self.val) for file in part.files)
        return Fingerprint(len(self.train), len(self.val), self.classes, digest)
