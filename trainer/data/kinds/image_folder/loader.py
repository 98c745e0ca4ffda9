"""Images in folders, one folder for each class."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gradtop.trainer.data.dataset import DataInfo, Survey
from gradtop.trainer.data.held_out import HeldOut
from gradtop.trainer.data.kinds.image_folder import ImageFolder
from gradtop.trainer.data.kinds.image_folder.folder import PictureSource
from gradtop.trainer.data.kinds.image_folder.images import (
    PixelRange,
    Unopenable,
    check_decoder,
    open_image,
    read_picture,
)
from gradtop.trainer.data.kinds.image_folder.listing import File, Files, list_images, list_test
from gradtop.trainer.data.kinds.image_folder.masked import MaskedFolder, load_masked
from gradtop.trainer.data.kinds.image_folder.pixel_range import scale_of
from gradtop.trainer.data.loading import Reading, UnreadableSample
from gradtop.trainer.data.targets import MASKS, ONE_CLASS, WantedTargets
from gradtop.trainer.home import at_home
from gradtop.trainer.runtime.errors import UserError


def load_images(config: ImageFolder, *, seed: int, context: int = 0, wanted: WantedTargets = ONE_CLASS) -> Folder | MaskedFolder:
    """With masks where these are wanted, else by class. Raises UserError."""
    return load_masked(config, wanted.ignored) if wanted.kind == MASKS else load(config, seed=seed, context=context)


def load(config: ImageFolder, *, seed: int, context: int = 0) -> Folder:  # noqa: ARG001 - nothing in it is random
    """Lists the files, and opens some of each class. Raises UserError where there are too few, or they lie otherwise than expected."""
    check_decoder()
    if config.white < config.black:
        raise UserError(f"data.white: {config.white:g} is less than data.black = {config.black:g}; it must be larger, or equal to have both found from the images")
    root = at_home(config.root).absolute()
    listing = list_images(root, config.validation)
    classes = list(listing.training)
    counts = [sum(map(len, files.values())) for files in (listing.training, listing.validation)]
    print(f"{root}: {counts[0]:,} images of {len(classes)} classes for training, {counts[1]:,} for validation", flush=True)
    _check_classes(listing.training)
    pixels, found, settings = scale_of(config, [file for files in listing.training.values() for file in files])
    notes = [*listing.notes, *found]
    for note in notes:
        print(note, flush=True)
    reading = Reading(config.workers, samples=sum(counts), prefetch=config.prefetch)
    training, validation = (ImageFiles(files, part, config.image_size, pixels) for files, part in ((listing.training, "training"), (listing.validation, "validation")))
    for pictures in (training, validation):
        reading.leave_out(pictures, pictures.known_unreadable())
    info = DataInfo(channels=3, size=config.image_size, classes=len(classes))
    held_out = partial(_read_test, listing.test, classes, config, pixels) if listing.test is not None else None
    return Folder(training, validation, info, reading, tuple(classes), root, Survey(notes, settings), held_out=held_out)


def _read_test(folder: Path, classes: Sequence[str], config: ImageFolder, pixels: PixelRange | None) -> Mapping[str, Any]:
    pictures = ImageFiles(list_test(folder, classes), "testing", config.image_size, pixels)
    return {"val": pictures, "reading": Reading(config.workers, samples=len(pictures), prefetch=config.prefetch)}


class ImageFiles:
    """Images by number, read when they are asked for; those of a class follow each other."""

    def __init__(self, files: Files, part: str, size: int, pixels: PixelRange | None = None) -> None:
        self.files = [file for paths in files.values() for file in paths]
        self.labels = torch.tensor([number for number, paths in enumerate(files.values()) for _ in paths], dtype=torch.int64)
        self._classes = list(files)
        self._part = part
        self._size = size
        self._pixels = pixels
        self._places: list[range] = []
        for paths in files.values():
            begin = self._places[-1].stop if self._places else 0
            self._places.append(range(begin, begin + len(paths)))

    @property
    def paths(self) -> list[str]:
        return [file.path for file in self.files]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor] | UnreadableSample:
        file = self.files[index]
        if file.wrong:
            return self._unreadable(index, file.wrong)
        try:
            return read_picture(file.path, self._size, self._pixels), self.labels[index]
        except Unopenable as error:
            return self._unreadable(index, str(error))

    def known_unreadable(self) -> list[UnreadableSample]:
        """Those whose directory entry says that they hold no image."""
        return [self._unreadable(index, file.wrong) for index, file in enumerate(self.files) if file.wrong]

    def instead(self, index: int) -> list[int]:
        """Others of its class, in an order of its own: many that cannot be read must not all be replaced by the same one."""
        others = self._places[int(self.labels[index])]
        order = random.Random(index).sample(others, min(len(others), 101))  # noqa: S311 - no secret
        return [other for other in order if other != index]

    def size_of(self, name: str) -> int:
        return next(len(places) for of, places in zip(self._classes, self._places, strict=True) if self._description(of) == name)

    def _unreadable(self, index: int, reason: str) -> UnreadableSample:
        return UnreadableSample(self.files[index].path, reason, self._description(self._classes[int(self.labels[index])]))

    def _description(self, name: str) -> str:
        return f"class {name} for {self._part}"


@dataclass(frozen=True)
class Folder(PictureSource[ImageFiles]):
    """A folder of images for each class."""

    held_out: HeldOut | None = None

    @property
    def labels(self) -> Tensor:
        return self.train.labels


def outline_folder(config: ImageFolder, classes: int) -> Folder:
    """A folder of so many classes without images."""
    check_decoder()
    none = ImageFiles({}, "training", config.image_size)
    return Folder(none, none, DataInfo(channels=3, size=config.image_size, classes=classes), Reading(0), (), Path(config.root))


def _check_classes(files: Mapping[str, Sequence[File]]) -> None:
    """Raises UserError where no file of a class begins as an image does; the first that does is enough."""
    for name, several in files.items():
        reason = ""
        for file in several:
            if not (reason := file.wrong or _header_wrong(file.path)):
                break
        if reason:
            raise UserError(f"data.root: none of the {len(several):,} images of class {name} can be read; the last of them: {file.path} ({reason})")


def _header_wrong(path: str) -> str:
    try:
        with open_image(path):
            return ""
    except Unopenable as error:
        return str(error)
