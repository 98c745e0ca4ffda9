"""From a config's `data` to its training and validation split."""

from __future__ import annotations

from gradtop.trainer.data.dataset import DataInfo, Source
from gradtop.trainer.data.kinds import DataConfig
from gradtop.trainer.data.targets import ONE_CLASS, WantedTargets


def load_data(config: DataConfig, *, seed: int, context: int = 0, wanted: WantedTargets = ONE_CLASS) -> Source:
    """Raises UserError where the data cannot be had; `seed` decides what is random in it, and nothing else.

    A text is cut into windows of `context` characters. Data that can have several kinds of targets are told which are `wanted`.
    """
    several = {"wanted": wanted} if len(config.targets) > 1 else {}
    made: Source = config.build(seed=seed, context=context, **several)
    return made


def info_of(config: DataConfig, wanted: WantedTargets = ONE_CLASS) -> DataInfo:
    """What a model must know of the data; opened only where the config does not say it."""
    shape = config.shape
    if not shape.classes:
        return load_data(config, seed=0, wanted=wanted).info
    return DataInfo(channels=shape.channels, size=shape.size, classes=shape.classes)
