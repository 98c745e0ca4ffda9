"""What a config's `data` names, in two parts, and how its images are varied."""

from __future__ import annotations

from typing import overload

from gradtop.trainer.config import CustomData, DataConfig, Digits, Fake, ImageFolder, Text
from gradtop.trainer.data.augment import Augmentation, augmentation
from gradtop.trainer.data.custom import load_own
from gradtop.trainer.data.dataset import DataInfo, Dataset, Source, Tones, TrainingBatches
from gradtop.trainer.data.digits import load_digits
from gradtop.trainer.data.downloaded import Downloaded, load_downloaded
from gradtop.trainer.data.fake import make_fake
from gradtop.trainer.data.folder import Folder, load_folder
from gradtop.trainer.data.text import Characters, load_text

__all__ = [
    "Augmentation", "DataInfo", "Dataset", "Source", "Tones", "TrainingBatches", "augmentation", "info_of", "load",
]


@overload
def load(config: Digits | Fake | Downloaded, *, seed: int, context: int = 0) -> Dataset: ...
@overload
def load(config: Text, *, seed: int, context: int = 0) -> Characters: ...
@overload
def load(config: ImageFolder, *, seed: int, context: int = 0) -> Folder: ...
@overload
def load(config: DataConfig, *, seed: int, context: int = 0) -> Source: ...
def load(config: DataConfig, *, seed: int, context: int = 0) -> Source:
    """Raises UserError where the data cannot be had; `seed` decides what is random in it, and nothing else.

    A text is cut into windows of `context` characters.
    """
    match config:
        case Digits():
            return load_digits()
        case Fake():
            return make_fake(config, seed=seed)
        case Text():
            return load_text(config, context=context)
        case ImageFolder():
            return load_folder(config)
        case CustomData():
            return load_own(config, seed=seed, context=context)
        case _:
            return load_downloaded(config)


def info_of(config: DataConfig) -> DataInfo:
    """What a model must know of the data; opened only where the config does not say it."""
    shape = config.shape
    if not shape.classes:
        return load(config, seed=0).info
    return DataInfo(channels=shape.channels, size=shape.size, classes=shape.classes)
