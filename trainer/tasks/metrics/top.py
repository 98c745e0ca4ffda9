"""Top-k accuracy: how often the class is among the k with the largest outputs."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class TopHits:
    """Counts, for the largest k, at which place the class stands."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._places: Tensor | None = None
        self._count: Tensor | None = None

    def add(self, outputs: Tensor, labels: Tensor) -> None:
        """Outputs (labels, classes); negative labels are of no class. What is NaN is no hit."""
        there = (labels >= 0).sum()
        good = ~outputs.isnan().any(1)
        places = ((outputs.topk(self._most).indices == labels[:, None]) & good[:, None]).sum(0)
        self._places = places if self._places is None else self._places + places
        self._count = there if self._count is None else self._count + there

    def result(self) -> list[float]:
        """The accuracy for k from 1 up. Waits for the device."""
        if self._places is None or self._count is None:
            return [math.nan] * self._most
        *hits, count = torch.cat([self._places.cumsum(0), self._count[None]]).tolist()
        return [each / count if count else math.nan for each in hits]
