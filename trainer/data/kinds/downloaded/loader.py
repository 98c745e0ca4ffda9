"""torchvision's data sets: read from where torchvision keeps them, fetched there on first use, or put there by hand.

torchvision knows the addresses, the check sums and the formats. Fetching is ours: a dead server is given up in seconds,
a broken download leaves no half file for the next try to trip over, and a failure says which files to put where.
"""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gradtop.trainer.data.dataset import DataInfo, Dataset
from gradtop.trainer.data.kinds.downloaded import Downloaded
from gradtop.trainer.data.kinds.downloaded.fetch import FetchError, download, md5_of, written_whole
from gradtop.trainer.data.normalise import Normalise
from gradtop.trainer.data.splitting import spread_apart
from gradtop.trainer.home import at_home
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.vision import torchvision

_DAMAGED = (OSError, EOFError, ValueError, RuntimeError, AssertionError, TypeError, KeyError, zlib.error, tarfile.TarError)


def load(config: Downloaded, *, seed: int, context: int = 0) -> Dataset:  # noqa: ARG001 - nothing in it is random
    """Raises UserError where the files are not there and cannot be fetched, or are not what they should be."""
    datasets = torchvision("datasets", f"data.kind = {config.kind}")
    root = at_home(config.root).absolute()
    source = getattr(datasets, config.torchvision_class)
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = _put_mnist(source, root) if hasattr(source, "mirrors") else _put_cifar(source, root)
    except OSError as error:
        raise UserError(f"cannot keep {config.kind} in {root} ({error.strerror or error}); choose another folder as data.root") from error
    train_images, train_labels = _read(source, root, folder, config, train=True)
    val_images, val_labels = test_images, test_labels = _read(source, root, folder, config, train=False)
    if config.validation:
        seen, apart = spread_apart(train_labels, config.apart(len(train_labels)))
        train_images, train_labels, val_images, val_labels = train_images[seen], train_labels[seen], train_images[apart], train_labels[apart]
    shape = config.shape
    return Dataset(
        train_images=train_images,
        train_labels=train_labels,
        val_images=val_images,
        val_labels=val_labels,
        info=DataInfo(channels=shape.channels, size=shape.size, classes=shape.classes),
        prepare=Normalise(config.mean, config.std),
        held_out=(lambda: {"val_images": test_images, "val_labels": test_labels}) if config.validation else None,
    )


def outline_downloaded(config: Downloaded, _classes: int) -> Dataset:
    """The data set without images."""
    shape = config.shape
    images, labels = torch.empty(0, shape.channels, shape.size, shape.size, dtype=torch.uint8), torch.empty(0, dtype=torch.int64)
    info = DataInfo(channels=shape.channels, size=shape.size, classes=shape.classes)
    return Dataset(images, labels, images, labels, info, Normalise(config.mean, config.std))


def _read(source: Any, root: Path, folder: Path, config: Downloaded, *, train: bool) -> tuple[Tensor, Tensor]:
    shape = config.shape
    try:
        found = source(str(root), train=train, download=False)
        images, labels = torch.as_tensor(found.data), torch.as_tensor(found.targets)
        images = images.unsqueeze(1) if images.dim() == 3 else images.permute(0, 3, 1, 2).contiguous()
    except _DAMAGED as error:
        raise UserError(f"the files of {config.kind} in {folder} are damaged; delete that folder and try again") from error
    if images.shape[1:] != (shape.channels, shape.size, shape.size) or len(images) != len(labels) or not len(labels):
        size = f"{shape.size}×{shape.size}"
        raise UserError(f"the files in {folder} do not hold {config.kind}: images of {size} pixels with a label each are expected")
    if not 0 <= int(labels.min()) <= int(labels.max()) < shape.classes:
        raise UserError(f"the files in {folder} do not hold {config.kind}: labels from 0 to {shape.classes - 1} are expected")
    return images, labels


def _put_mnist(source: Any, root: Path) -> Path:
    """See to it that the four files lie unpacked in torchvision's folder, which is returned."""
    folder: Path = root / source.__name__ / "raw"
    packed = [name for name, _ in source.resources]
    if (root / source.__name__ / "processed" / source.test_file).exists():
        return folder  # what torchvision of long ago left behind, and reads
    folder.mkdir(parents=True, exist_ok=True)
    for name, md5 in source.resources:
        unpacked = folder / name.removesuffix(".gz")
        archive = folder / name
        if unpacked.exists():
            continue
        if not archive.exists():
            _fetch([mirror + name for mirror in source.mirrors], archive, md5, packed)
        try:
            with gzip.open(archive) as content, written_whole(unpacked) as file:
                shutil.copyfileobj(content, file)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise UserError(f"{archive} is damaged; delete it to download it again, or replace it by an intact one") from error
    return folder


def _put_cifar(source: Any, root: Path) -> Path:
    """See to it that the batches lie unpacked and whole in torchvision's folder, which is returned.

    They are pickles, so none is read whose check sum is not the published one.
    """
    folder: Path = root / source.base_folder
    archive: Path = root / source.filename
    wanted = dict([*source.train_list, *source.test_list, (source.meta["filename"], source.meta["md5"])])
    if all((folder / name).exists() and md5_of(folder / name) == md5 for name, md5 in wanted.items()):
        return folder
    if not archive.exists():
        _fetch([source.url], archive, source.tgz_md5, [source.filename])
    elif md5_of(archive) != source.tgz_md5:
        raise UserError(f"{archive} is damaged or a different file; delete it to download it again, or replace it by the published one")
    folder.mkdir(exist_ok=True)
    with tarfile.open(archive) as content:
        for member in content:
            name = member.name.rpartition("/")[2]
            packed = content.extractfile(member) if name in wanted else None
            if packed is not None:
                with written_whole(folder / name) as file:
                    shutil.copyfileobj(packed, file)
    return folder


def _fetch(addresses: Sequence[str], target: Path, md5: str, names: Sequence[str]) -> None:
    failures = []
    for address in addresses:
        try:
            download(address, target, md5)
        except FetchError as error:
            failures.append(f"{address}: {error}")
        else:
            return
    raise UserError(
        f"{target.name} could not be downloaded ({'; '.join(failures)}); "
        f"download {_listed(names)} elsewhere and put {'it' if len(names) == 1 else 'them'} into {target.parent}"
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
