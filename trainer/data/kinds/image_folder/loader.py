"""Images in folders, one folder for each class."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from gradtop.trainer.data.dataset import DataInfo, Tones
from gradtop.trainer.data.kinds.image_folder import ImageFolder
from gradtop.trainer.data.kinds.image_folder.images import SUFFIXES, Unopenable, check_decoder, read_picture
from gradtop.trainer.data.loading import LoadedBatches, LoadedParts, Reading, Unreadable
from gradtop.trainer.data.normalise import Normalise
from gradtop.trainer.runtime.errors import UserError

# Of the pixels of ImageNet, in 0..1: what published weights expect.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SAY_EVERY = 2.0

Files = Mapping[str, Sequence[str]]


def load(config: ImageFolder, *, seed: int, context: int = 0) -> Folder:  # noqa: ARG001 - nothing in it is random
    """Finds the files, and opens none. Raises UserError where there are too few, or they lie otherwise than expected."""
    check_decoder()
    root = Path(config.root).expanduser().absolute()
    if not root.is_dir():
        raise UserError(f"data.root: {root} is {'no folder' if root.exists() else 'not there'}; a folder with one folder of images for each class is expected")
    apart = (root / "train").is_dir()
    training = _find(root / "train" if apart else root)
    if len(training) < 2:
        raise UserError(f"data.root: {root} has images of one class alone, {next(iter(training))}; there is nothing to tell apart")
    if (root / "val").is_dir() and apart:
        validation = _find(root / "val")
        if strange := [name for name in validation if name not in training]:
            raise UserError(f"data.root: {root / 'val'} has {_several(strange)}, which is not among the classes in {root / 'train'}")
    else:
        training, validation = _split(training, config.validation)
        if not any(validation.values()):
            raise UserError(f"data.root: no class in {root} has two images, and one for validation and one for training are expected")
    classes = list(training)
    counts = [sum(map(len, files.values())) for files in (training, validation)]
    print(f"{root}: {counts[0]:,} images of {len(classes)} classes for training, {counts[1]:,} for validation", flush=True)
    return Folder(
        Pictures(training, classes, config.image_size),
        Pictures(validation, classes, config.image_size),
        DataInfo(channels=3, size=config.image_size, classes=len(classes)),
        Reading(config.workers),
    )


class Pictures:
    """Images by number, read when they are asked for."""

    def __init__(self, files: Files, classes: Sequence[str], size: int) -> None:
        numbers = {name: number for number, name in enumerate(classes)}
        self.paths = [path for paths in files.values() for path in paths]
        self.labels = torch.tensor([numbers[name] for name, paths in files.items() for _ in paths], dtype=torch.int64)
        self._size = size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor] | Unreadable:
        try:
            return read_picture(self.paths[index], self._size), self.labels[index]
        except Unopenable as error:
            return Unreadable(f"{self.paths[index]} cannot be read ({error})")


@dataclass(frozen=True)
class Folder:
    """Images that are read while training, batch by batch, and normalised on the device.

    A file that turns out to hold no image is left out and told of once; it ends no training.
    """

    train: Pictures
    val: Pictures
    info: DataInfo
    reading: Reading
    prepare: Normalise = field(default_factory=lambda: Normalise(_MEAN, _STD))

    @property
    def tones(self) -> Tones:
        return Tones(torch.zeros(3, 1, 1), torch.full((3, 1, 1), 255.0))

    def training(self, batch_size: int, *, seed: int, device: torch.device) -> LoadedBatches:
        return LoadedBatches(self.train, self.reading, batch_size, seed=seed, device=device, prepare=self.prepare)

    def validation(self, batch_size: int, device: torch.device) -> LoadedParts:
        return LoadedParts(self.val, self.reading, batch_size, device, self.prepare)


def _find(root: Path, clock: Callable[[], float] = time.monotonic) -> dict[str, list[str]]:
    """The image files of each class, all sorted by name; says how far it is, as many files take a while."""
    found: dict[str, list[str]] = {}
    count, say_at = 0, clock() + _SAY_EVERY
    for folder in sorted(_folders(root)):
        files: list[str] = []
        for path in _images(folder):
            files.append(path)
            count += 1
            if clock() >= say_at:
                say_at = clock() + _SAY_EVERY
                print(f"{root}: {count:,} images found, in {folder.name} at the moment", flush=True)
        found[folder.name] = sorted(files)
    if not found:
        lies = "its images lie in it directly" if any(entry.name.lower().endswith(SUFFIXES) for entry in root.iterdir()) else "there is none in it"
        raise UserError(f"data.root: {root} needs a folder of images for each class, but {lies}")
    if empty := [name for name, files in found.items() if not files]:
        kinds = ", ".join(suffix[1:] for suffix in SUFFIXES[:5])
        raise UserError(f"data.root: {_several(empty)} in {root} holds no images ({kinds} …); fill it or remove it")
    return found


def _folders(root: Path) -> Iterable[Path]:
    try:
        return [entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    except OSError as error:
        raise UserError(f"data.root: {root} cannot be read ({error.strerror or error})") from error


def _images(folder: Path) -> Iterable[str]:
    """Also those in folders further in; a link that leads back is followed once."""
    def broken(error: OSError) -> None:
        raise UserError(f"data.root: {error.filename} cannot be read ({error.strerror})") from error

    seen: set[tuple[int, int]] = set()
    for place, folders, names in os.walk(folder, followlinks=True, onerror=broken):
        here = Path(place).stat()
        if (here.st_dev, here.st_ino) in seen:
            folders.clear()
            continue
        seen.add((here.st_dev, here.st_ino))
        yield from (f"{place}/{name}" for name in names if name.lower().endswith(SUFFIXES) and not name.startswith("."))


def _split(files: Files, share: float) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """That share of each class apart, at least one image of it and not all: those whose names hash lowest.

    So the split is the same for every seed and every copy of the folder, and hardly changes when files are added.
    """
    kept, apart = {}, {}
    for name, paths in files.items():
        count = min(max(round(share * len(paths)), 1), len(paths) - 1)
        ranked = sorted(paths, key=_hash)
        apart[name], kept[name] = sorted(ranked[:count]), sorted(ranked[count:])
    return kept, apart


def _hash(path: str) -> tuple[bytes, str]:
    name = path.rpartition("/")[2]
    return hashlib.blake2b(os.fsencode(name), digest_size=8).digest(), path


def _several(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")
