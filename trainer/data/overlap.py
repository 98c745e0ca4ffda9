"""Whether samples of the validation set are among those that are trained on."""

from __future__ import annotations

import torch
from torch import Tensor

from gradtop.trainer.data.nested import ModelInputs

LOOKED_AT, LOOKED_THROUGH = 256, 1 << 13  # samples for validation and for training, drawn
FEWEST_VALUES = 16  # of a sample: those of fewer are often the same by chance, which shows among training samples alone
CHANCE = 0.01  # of the training samples that may be the same as others of them
VALUES = 16  # of a sample that are compared first
MOST_PAIRS = 1024  # of samples that are compared as a whole


def overlap(training: ModelInputs, validation: ModelInputs) -> float | None:
    """The share of the samples for validation that are training samples, too, estimated from some of both; samples are (samples, ...), on the CPU.

    None where it cannot be told. Takes milliseconds, as few values of each sample are read.
    """
    if not isinstance(training, Tensor) or not isinstance(validation, Tensor):
        return None
    if not len(training) or not len(validation) or not training[0].numel() or training.device.type != "cpu" or training.is_complex():
        return None
    draw = torch.Generator().manual_seed(0)
    samples, others = training.flatten(1), validation.flatten(1)
    rows, some = (torch.randperm(len(each), generator=draw)[:most] for each, most in ((samples, LOOKED_THROUGH), (others, LOOKED_AT)))
    places = torch.arange(VALUES) * samples.shape[1] // VALUES
    weights = torch.linspace(1.0, 2.0, VALUES, dtype=torch.float64).sqrt()
    keys, wanted = ((each[numbers[:, None], places].double() * weights).sum(1) for each, numbers in ((samples, rows), (others, some)))
    if samples.shape[1] < FEWEST_VALUES and len(keys.unique()) < (1 - CHANCE) * len(keys):
        return None
    wanted, order = wanted.sort()
    near = torch.searchsorted(wanted, keys).clamp(max=len(wanted) - 1)
    pairs = (wanted[near] == keys).nonzero()[:, 0]
    if len(pairs) > MOST_PAIRS:  # alike in what is compared first, as empty images are
        return None
    found = some[order[near[pairs]]]
    same = (samples[rows[pairs]] == others[found]).all(1)
    return min(1.0, len(found[same].unique()) / len(some) * len(samples) / len(rows))
