"""The numbers of a picture of weights, computed where the weights are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from gradtop.trainer.record.pictures import ALL_CHANNELS, Layout, PictureKind, Wanted, layout


def head_of(wanted: Wanted, found: Layout) -> Sequence[float]:
    """What stands before the count of weights that are not finite and the cells."""
    channel = wanted.channel if wanted.kind is PictureKind.KERNELS else 0
    return [int(wanted.kind), found.first, channel, found.tiles, found.height, found.width]


def picture_of(weight: Tensor, wanted: Wanted) -> tuple[Sequence[float], Tensor] | None:
    """The head, and in one vector on the weight's device the count of weights that are not finite and then the cells, none of which is
    needed on the host; None where the weight has no such picture. Of complex weights the picture shows the absolute value.
    """
    found = layout(weight.shape, wanted)
    if found is None:
        return None
    values = weight.detach()
    if wanted.kind is PictureKind.KERNELS:
        values = values[found.first : found.first + found.tiles]
        values = values[:, wanted.channel] if wanted.channel != ALL_CHANNELS else values
        values = _real(values)
        nonfinite = values.numel() - values.isfinite().sum()
        cells = values.abs().mean(1) if wanted.channel == ALL_CHANNELS else values
        cells = cells.reshape(found.tiles, -1, cells.shape[-1])
        if found.down * found.across > 1:
            cells = functional.avg_pool2d(cells[None], (found.down, found.across), ceil_mode=True)[0]
    else:
        values = _real(values).abs()
        nonfinite = values.numel() - values.isfinite().sum()
        cells = values.reshape(1, -1) if values.dim() < 2 else values.flatten(2) if values.dim() > 2 else values
        is_mean = wanted.kind is PictureKind.MEAN
        if cells.dim() > 2:
            cells = cells.mean(2) if is_mean else cells.amax(2)
        pool = functional.avg_pool2d if is_mean else functional.max_pool2d
        if found.down * found.across > 1:
            cells = pool(cells[None, None], (found.down, found.across), ceil_mode=True)[0, 0]
    return head_of(wanted, found), torch.cat([nonfinite.to(cells.dtype).reshape(1), cells.reshape(-1)])


def _real(values: Tensor) -> Tensor:
    real = values.abs() if values.is_complex() else values
    return real if real.dtype == torch.float64 else real.float()
