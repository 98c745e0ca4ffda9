"""From a config's `data` to its training and validation split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradtop.trainer.data.dataset import DataInfo, Source
from gradtop.trainer.data.kinds import DataConfig
from gradtop.trainer.data.outlined import outline_record
from gradtop.trainer.data.targets import ONE_CLASS, WantedTargets


def load_data(config: DataConfig, *, seed: int, context: int = 0, wanted: WantedTargets = ONE_CLASS, saved: Mapping[str, Any] | None = None) -> Source:
    """Raises UserError where the data cannot be had; `seed` decides what is random in it, and nothing else. `saved` is what a checkpoint
    keeps of how they were encoded.

    A text is cut into windows of `context` characters. Data that can have several kinds of targets are told which are `wanted`.
    """
    several: dict[str, Any] = {"wanted": wanted} if len(config.targets) > 1 else {}
    if config.keeps_encoding:
        several["saved"] = saved
    made: Source = config.build(seed=seed, context=context, **several)
    return made


def encoding_record(source: Source) -> dict[str, Any]:
    """What a checkpoint keeps of how samples become inputs; empty where nothing is needed."""
    found = getattr(source, "encoding", None)
    return found.record() if found is not None else outline_record(source)


def info_of(config: DataConfig, wanted: WantedTargets = ONE_CLASS) -> DataInfo:
    """What a model must know of the data; opened only where the config does not say it."""
    shape = config.shape
    if not shape.classes:
        return load_data(config, seed=0, wanted=wanted).info
    return DataInfo(channels=shape.channels, size=shape.size, classes=shape.classes)
