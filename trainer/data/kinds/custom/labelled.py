"""Samples whose targets are known without reading these."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils.data import Dataset as TorchDataset


class LabelledSamples(TorchDataset[Any]):
    """`targets` has those of all samples."""

    targets: Tensor

    def __len__(self) -> int:
        raise NotImplementedError
