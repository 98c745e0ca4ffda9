"""The expected calibration error: how far the probability of what is predicted is from how often it is right."""

from __future__ import annotations

import math

import torch
from torch import Tensor

BINS = 15  # of equal width, as Guo et al., 2017, and torchmetrics have them
FOLD = 1 << 18  # labels that wait to be counted


class CalibrationBins:
    """Sums over the labels of one evaluation, by the probability of the predicted class."""

    def __init__(self) -> None:
        self._seen: list[tuple[Tensor, Tensor]] = []
        self._waiting = 0
        self._sums: Tensor | None = None

    def add(self, outputs: Tensor, labels: Tensor) -> None:
        """Outputs (labels, classes); negative labels are of no class."""
        probabilities, predicted = outputs.softmax(1).max(1)
        # Of no class: no probability is negative.
        self._seen.append((probabilities.where(labels >= 0, -1.0), predicted == labels))
        self._waiting += len(labels)
        if self._waiting >= FOLD:
            self._fold()

    def _fold(self) -> None:
        probabilities, right = (torch.cat(each) for each in zip(*self._seen, strict=True))
        exact = torch.float32 if probabilities.device.type == "mps" else torch.float64
        bins = (probabilities * BINS).ceil() - 1
        inside = bins[:, None] == torch.arange(BINS, device=bins.device)
        sums = torch.stack([(each.to(exact)[:, None] * inside).sum(0) for each in (torch.ones_like(probabilities), probabilities, right)])
        # What is NaN is in no bin.
        sums = torch.cat([sums.flatten(), probabilities.isnan().sum(0, keepdim=True).to(exact)])
        self._sums = sums if self._sums is None else self._sums + sums
        self._seen, self._waiting = [], 0

    def result(self) -> float:
        """Waits for the device."""
        if self._seen:
            self._fold()
        if self._sums is None:
            return math.nan
        *sums, spoilt = self._sums.tolist()
        count = sum(sums[:BINS])
        if spoilt or not count:
            return math.nan
        apart: float = sum(abs(sums[BINS + each] - sums[2 * BINS + each]) for each in range(BINS))
        return apart / float(count)
