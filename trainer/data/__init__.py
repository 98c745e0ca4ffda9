"""What a config's `data` names: tensors of images and labels, in two parts."""

from __future__ import annotations

from trainer.config import DataConfig, Digits, Fake
from trainer.data.dataset import DataInfo, Dataset
from trainer.data.digits import load_digits
from trainer.data.downloaded import load_downloaded
from trainer.data.fake import make_fake

__all__ = ["DataInfo", "Dataset", "info_of", "load"]


def load(config: DataConfig, *, seed: int) -> Dataset:
    """Raises UserError where the data cannot be had; `seed` decides what is random in it, and nothing else."""
    if isinstance(config, Digits):
        return load_digits()
    if isinstance(config, Fake):
        return make_fake(config, seed=seed)
    return load_downloaded(config)


def info_of(config: DataConfig) -> DataInfo:
    """What a model must know of the data, without opening it."""
    shape = config.shape
    return DataInfo(channels=shape.channels, size=shape.size, classes=shape.classes)
