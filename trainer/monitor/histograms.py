"""Histograms of the parameters, binned on the device."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from trainer.monitor.transfer import Transfer
from trainer.record import Column

FIGURES = ("low", "high", "mean", "std", "min", "max", "zeros")
# A float32 counts in ones up to 2**24.
COUNTED_AT_ONCE = 1 << 24


class Histograms:
    """Takes histograms of single parameters; the bins reach from the smallest weight to the largest."""

    def __init__(self, model: nn.Module, bins: int) -> None:
        named = list(model.named_parameters())
        self.names = tuple(name for name, _ in named)
        self.columns = tuple(Column(name) for name in ("parameter", *FIGURES, "count", *(f"b{bin_}" for bin_ in range(bins))))
        self._weights = [parameter.detach() for _, parameter in named]
        self._bins = bins
        self._taken: list[tuple[int, float, int, Transfer]] = []

    def take(self, index: int, step: int, time: float) -> None:
        """Of the parameter with this number."""
        self._taken.append((step, time, index, Transfer(histogram(self._weights[index], self._bins))))

    def rows(self, *, wait: bool) -> Iterator[tuple[float, ...]]:
        """The records that have reached the host, in order; all of them where it may `wait`."""
        while self._taken and (wait or self._taken[0][3].ready):
            step, time, index, transfer = self._taken.pop(0)
            values = transfer.values()
            figures, counts = values[: len(FIGURES)], values[len(FIGURES) :]
            yield (step, time, index, *figures, self._weights[index].numel(), *counts)


def histogram(weight: Tensor, bins: int) -> Tensor:
    """The figures and then the counts, in one vector on the weight's device; no number of it is needed on the host."""
    values = weight.reshape(-1)
    if values.dtype != torch.float64:
        values = values.float()
    if not values.numel():
        return values.new_zeros(len(FIGURES) + bins)
    smallest, largest = torch.aminmax(values)
    variance, mean = torch.var_mean(values, correction=0)
    zeros = 1 - torch.count_nonzero(values).to(values.dtype) / values.numel()
    # Equal weights, as those of a bias before training, stand in the middle of a range of one.
    margin = (smallest == largest).to(values.dtype) / 2
    low, high = smallest - margin, largest + margin
    # With its range given as numbers histc need not look for it, which would wait for the device.
    parts = [
        torch.histc((part - low) / (high - low), bins, 0.0, 1.0) for part in torch.split(values, COUNTED_AT_ONCE)
    ]
    counts = parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)
    return torch.cat([torch.stack([low, high, mean, variance.sqrt(), smallest, largest, zeros]), counts])
