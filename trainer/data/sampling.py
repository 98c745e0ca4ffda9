"""Which samples an epoch trains on, where these are drawn by weight, with replacement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gradtop.trainer.data.batches import generator_of
from gradtop.trainer.runtime.errors import UserError

if TYPE_CHECKING:
    from gradtop.trainer.data.dataset import Source
    from gradtop.trainer.data.kinds import DataConfig

SHUFFLE, BALANCED, WEIGHTED = "shuffle", "balanced", "weighted"


class WeightedDraw:
    """As many samples as there are weights, drawn with replacement; seed and epoch alone decide which."""

    def __init__(self, weights: Tensor) -> None:
        # Not torch.multinomial, which takes 2²⁴ weights at most, and rounds them to float32.
        self._bounds = weights.double().cumsum(0)
        self._last = int(weights.nonzero()[-1])

    def __call__(self, seed: int, epoch: int) -> Tensor:
        """The sample indices of `epoch` (counted from 0) in training order, on the CPU."""
        places = torch.rand(len(self._bounds), generator=generator_of(seed, epoch), dtype=torch.float64) * self._bounds[-1]
        # Rounding may put a place at the very end, beyond which there are only weights of zero.
        return torch.searchsorted(self._bounds, places, right=True).clamp_max_(self._last)


def draw_of(config: DataConfig, source: Source, ignored: int | None = None) -> WeightedDraw | None:
    """As data.sampler wants it; None where each sample comes once in an epoch. `ignored` is the label of no class. Raises UserError."""
    sampler = getattr(config, "sampler", SHUFFLE)
    if sampler == BALANCED:
        return WeightedDraw(class_weights(source, ignored))
    if sampler == WEIGHTED:
        weights = getattr(source, "weights", None)
        if weights is None:
            raise UserError("data.sampler = weighted requires a weight for each training sample: an attribute `weights` of the training set that data.target returns")
        return WeightedDraw(weights)
    return None


def draw_text(config: DataConfig, source: Source) -> str:
    """What is told of it at the start of a run."""
    samples = source.fingerprint().training
    if getattr(config, "sampler", SHUFFLE) == WEIGHTED:
        return f"training samples are drawn with replacement by their weights, {samples:,} in an epoch (data.sampler = weighted)"
    return f"training samples are drawn with replacement, each class equally often, {samples:,} in an epoch (data.sampler = balanced)"


def class_weights(source: Source, ignored: int | None) -> Tensor:
    """Of each training sample, so that all classes have the same weight in all; 0 of one that is of no class. Raises UserError."""
    labels, classes = source.labels, source.info.classes
    if labels is None or not classes or source.info.pixels or source.tokens_per_sample or labels.dim() != 1:
        raise UserError("data.sampler = balanced requires one class for each training sample; use data.sampler = shuffle")
    of_class = (labels >= 0) & (labels < classes)
    if ignored is not None:
        of_class &= labels != ignored
    counts = torch.bincount(labels[of_class], minlength=classes).double()
    weights = torch.zeros(len(labels), dtype=torch.float64)
    weights[of_class] = 1 / counts[labels[of_class]]
    return weights


def check_weights(given: object, samples: int, title: str) -> Tensor:
    """As weights of so many samples, float64. Raises UserError."""
    try:
        weights = torch.as_tensor(given, dtype=torch.float64).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        raise UserError(f"{title} has weights of {type(given).__name__}; a number for each sample is expected") from None
    if weights.dim() != 1 or len(weights) != samples:
        raise UserError(f"{title} has {'×'.join(map(str, weights.shape)) or 'one'} weights for {samples:,} samples; one for each is expected")
    wrong = ~weights.isfinite() | (weights < 0)
    if bool(wrong.any()):
        place = int(wrong.nonzero()[0])
        raise UserError(f"{title}: the weight of sample {place} is {float(weights[place]):g}; weights must be finite and not negative")
    if not bool(weights.any()):
        raise UserError(f"{title} has only weights of 0, so that no sample can be drawn")
    return weights
