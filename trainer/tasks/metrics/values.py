"""Metrics of numbers that follow from sums over the samples: explained variance, Pearson's correlation, mean absolute percentage error."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gradtop.trainer.named_tuple import NamedTuple

LEAST = torch.finfo(torch.float64).eps  # of a target that is divided by, as in scikit-learn


class OfValues(NamedTuple):
    """The means over the targets."""

    explained_variance: float = math.nan
    pearson: float = math.nan
    mape: float = math.nan
    constant_mape: float = math.nan


class ValueSums:
    """Sums of deviations from a constant, which lose nothing where that is about the mean of the targets."""

    def __init__(self) -> None:
        self._sums: Tensor | None = None
        self._count = 0

    def add(self, outputs: Tensor, targets: Tensor, constant: Tensor) -> None:
        """(samples, targets), and the constant prediction that the model is compared with."""
        exact = torch.float32 if outputs.device.type == "mps" else torch.float64
        outputs, targets, constant = (each.to(exact) for each in (outputs, targets, constant))
        said, wanted = outputs - constant, targets - constant
        least = targets.abs().clamp_min(LEAST)
        sums = torch.stack([
            each.sum(0)
            for each in (
                said, wanted, said.square(), wanted.square(), said * wanted, (said - wanted).abs() / least, wanted.abs() / least,
                wanted - said, (wanted - said).square(),
            )
        ])  # fmt: skip
        self._sums = sums if self._sums is None else self._sums + sums
        self._count += len(targets)

    def result(self) -> OfValues:
        """Waits for the device."""
        if self._sums is None:
            return OfValues()
        said, wanted, said_squares, squares, products, percentages, constant, errors, error_squares = (self._sums.cpu().double() / self._count).unbind()
        variance, said_variance, error_variance = ((square - each.square()).clamp_min(0) for square, each in ((squares, wanted), (said_squares, said), (error_squares, errors)))
        nothing = error_variance.isnan()
        explained = torch.where(variance > 0, 1 - error_variance / variance, torch.where(error_variance > 0, 0.0, 1.0).double()).where(~nothing, torch.nan)
        correlations = [each for each in ((products - said * wanted) / (variance * said_variance).sqrt()).tolist() if not math.isnan(each)]
        return OfValues(
            explained.mean().item() if self._count > 1 else math.nan,
            math.nan if bool(nothing.any()) or not correlations else sum(correlations) / len(correlations),
            percentages.mean().item(),
            constant.mean().item(),
        )
