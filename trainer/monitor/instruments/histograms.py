"""Histograms of the parameters, binned on the device."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from gradtop.trainer.monitor.transfer import Transfer
from gradtop.trainer.record import Column
from gradtop.trainer.record.streams.registry import HIGH, HISTOGRAMS, LOW, MAX, MEAN, MIN, STD, ZEROS, columns_of
from gradtop.trainer.record.streams.registry import bins as names_of_bins

FIGURES = (LOW, HIGH, MEAN, STD, MIN, MAX, ZEROS)  # of a histogram, before its counts
# A float32 counts in ones up to 2**24.
COUNTED_AT_ONCE = 1 << 24


class Histograms:
    """Takes histograms of single parameters; the bins reach from the smallest weight to the largest."""

    def __init__(self, model: nn.Module, bins: int) -> None:
        named = list(model.named_parameters())
        self.names = tuple(name for name, _ in named)
        self.columns = (*columns_of(HISTOGRAMS), *map(Column, names_of_bins(bins)))
        self._weights = [parameter.detach() for _, parameter in named]
        self._bins = bins
        self._taken: deque[tuple[int, float, int, Transfer | list[float]]] = deque()

    def take(self, index: int, step: int, time: float) -> None:
        """Of the parameter with this number."""
        weight = self._weights[index]
        on_cpu = weight.device.type == "cpu"
        values = histogram_at_once(weight, self._bins) if on_cpu else Transfer(histogram(weight, self._bins))
        self._taken.append((step, time, index, values))

    def rows(self, *, wait: bool) -> Iterator[tuple[float, ...]]:
        """The records that have reached the host, in order; all of them where it may `wait`."""
        while self._taken:
            step, time, index, values = self._taken[0]
            if isinstance(values, Transfer):
                if not (wait or values.ready):
                    return
                values = values.values()
            self._taken.popleft()
            figures, counts = values[: len(FIGURES)], values[len(FIGURES) :]
            yield (step, time, index, *figures, self._weights[index].numel(), *counts)


def histogram(weight: Tensor, bins: int) -> Tensor:
    """The figures and then the counts, in one vector on the weight's device; no number of it is needed on the host."""
    values = _flat(weight)
    if not values.numel():
        return values.new_zeros(len(FIGURES) + bins)
    smallest, largest = torch.aminmax(values)
    mean = values.mean()
    # Five times as fast as torch's var, which goes through the values one by one.
    std = torch.linalg.vector_norm(values - mean) / math.sqrt(values.numel())
    zeros = 1 - torch.count_nonzero(values).to(values.dtype) / values.numel()
    # Equal weights, as those of a bias before training, stand in the middle of a range of one.
    margin = (smallest == largest).to(values.dtype) / 2
    low, high = smallest - margin, largest + margin
    # With its range given as numbers histc need not look for it, which would wait for the device.
    parts = [
        torch.histc((part - low) / (high - low), bins, 0.0, 1.0) for part in torch.split(values, COUNTED_AT_ONCE)
    ]
    counts = parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)
    return torch.cat([torch.stack([low, high, mean, std, smallest, largest, zeros]), counts])


def histogram_at_once(weight: Tensor, bins: int) -> list[float]:
    """The same of a weight on the CPU, where nothing waits and a number costs less than an operation on a tensor of one."""
    values = _flat(weight)
    if not values.numel() or values.numel() > COUNTED_AT_ONCE:
        return histogram(weight, bins).tolist()  # type: ignore[no-any-return]
    smallest, largest = (edge.item() for edge in torch.aminmax(values))
    if not math.isfinite(largest - smallest):
        return histogram(weight, bins).tolist()  # type: ignore[no-any-return]
    mean = values.mean().item()
    std = torch.linalg.vector_norm(values - mean).item() / math.sqrt(values.numel())
    zeros = 1 - int(torch.count_nonzero(values)) / values.numel()
    margin = 0.5 if smallest == largest else 0.0
    low, high = smallest - margin, largest + margin
    return [low, high, mean, std, smallest, largest, zeros, *torch.histc(values, bins, low, high).tolist()]


def _flat(weight: Tensor) -> Tensor:
    values = weight.reshape(-1)
    return values if values.dtype == torch.float64 else values.float()
