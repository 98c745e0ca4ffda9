"""From a config's `data` to its training and validation split."""

from __future__ import annotations

from gradtop.trainer.data.dataset import DataInfo, Source
from gradtop.trainer.data.kinds import DataConfig


def load_data(config: DataConfig, *, seed: int, context: int = 0) -> Source:
    """Raises UserError where the data cannot be had; `seed` decides what is random in it, and nothing else.

    A text is cut into windows of `context` characters.
    """
    made: Source = config.build(seed=seed, context=context)
    return made


def info_of(config: DataConfig) -> DataInfo:
    """What a model must know of the data; opened only where the config does not say it."""
    shape = config.shape
    if not shape.classes:
        return load_data(config, seed=0).info
    return DataInfo(channels=shape.channels, size=shape.size, classes=shape.classes)
