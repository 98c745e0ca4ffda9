"""What a checkpoint keeps of inputs that are pictures or vectors, so that its model can be used where the data are gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import torch
from torch import Tensor

from gradtop.trainer.data.dataset import DataInfo, KeptEncoding, Source, Survey, Tones
from gradtop.trainer.data.fingerprint import Fingerprint
from gradtop.trainer.data.nested import ModelInputs
from gradtop.trainer.data.normalise import Normalise

_INFO = ("channels", "size", "classes", "targets", "pixels", "categories")


def info_record(info: DataInfo) -> dict[str, Any]:
    return {**{name: getattr(info, name) for name in _INFO}, "nested": info.nested}


def info_in(record: Mapping[str, Any]) -> DataInfo | None:
    """None where the record lacks it."""
    try:
        return DataInfo(**{name: record[name] for name in _INFO}, nested=bool(record.get("nested")))
    except KeyError:
        return None


def outline_record(source: Source) -> dict[str, Any]:
    """Shape, normalisation and tones, as a checkpoint can hold them; empty for inputs that are more than a picture or a vector."""
    info, prepare, tones = source.info, source.prepare, source.tones
    if info.nested or not info.channels or not info.size or source.tokens_per_sample or not (prepare is None or isinstance(prepare, Normalise)):
        return {}
    found = info_record(info)
    if prepare is not None:
        found |= {"mean": list(prepare.mean), "std": list(prepare.std)}
    if tones is not None:
        found |= {"black": tones.black.flatten().tolist(), "white": tones.white.flatten().tolist()}
    return found


def outlined(record: Mapping[str, Any]) -> OutlinedSource | None:
    """Data of which only this is known; None where it is nothing."""
    info = info_in(record)
    if info is None:
        return None
    try:
        prepare = Normalise(record["mean"], record["std"]) if "mean" in record else None
        tones = Tones(*(torch.tensor(record[name], dtype=torch.float32).view(-1, 1, 1) for name in ("black", "white"))) if "black" in record else None
    except (KeyError, TypeError, ValueError):
        return None
    return OutlinedSource(info, prepare, tones)


@dataclass(frozen=True)
class OutlinedSource:
    """Data without any sample."""

    info: DataInfo
    prepare: Normalise | None
    tones: Tones | None
    reading: None = None
    survey: Survey = field(default_factory=Survey)
    labels: Tensor | None = None
    tokens_per_sample: int = 0
    encoding: KeptEncoding | None = None

    def training(self, batch_size: int, *, seed: int, device: torch.device) -> NoReturn:
        raise NotImplementedError

    def validation(self, batch_size: int, device: torch.device) -> Iterator[tuple[ModelInputs, Tensor]]:  # noqa: ARG002 - as a source has it
        return iter(())

    def fingerprint(self) -> Fingerprint:
        return Fingerprint(0, 0, (), "")
