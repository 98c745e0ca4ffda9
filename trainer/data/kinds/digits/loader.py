"""The UCI handwritten digits that come with gradtop; digits.txt says whose they are and how they are split."""

from __future__ import annotations

import gzip
from importlib import resources

import torch

from gradtop.trainer.data.dataset import DataInfo, Dataset
from gradtop.trainer.data.kinds.digits import Digits

_PIXELS = 64


def load(config: Digits, *, seed: int, context: int = 0) -> Dataset:  # noqa: ARG001 - nothing in it is random
    content = gzip.decompress(resources.files(__package__).joinpath("digits.gz").read_bytes())
    records = torch.frombuffer(bytearray(content), dtype=torch.uint8).view(-1, _PIXELS + 1)
    images = records[:, :_PIXELS].reshape(-1, 1, 8, 8).float()
    labels = records[:, _PIXELS].long()
    by_class = labels.argsort(stable=True)
    validation = torch.zeros(len(labels), dtype=torch.bool)
    validation[by_class[::5]] = True
    training = by_class[~validation[by_class]]
    apart = round(len(training) * config.test)
    # Evenly spread over the classes.
    test = torch.zeros(len(labels), dtype=torch.bool)
    test[training[(torch.arange(apart) + 0.5).mul(len(training) / max(apart, 1)).long()]] = True
    # Over both parts: 4.884 of 16 is ink on average, with a deviation of 6.017.
    images.sub_(4.884).div_(6.017)
    seen = ~validation & ~test
    return Dataset(
        train_images=images[seen],
        train_labels=labels[seen],
        val_images=images[validation],
        val_labels=labels[validation],
        info=DataInfo(channels=1, size=8, classes=10),
        held_out=(lambda: {"val_images": images[test], "val_labels": labels[test]}) if apart else None,
    )
