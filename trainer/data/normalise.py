"""Normalization of images stored as bytes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# Mean and deviation of the pixels of ImageNet, in 0..1: what published weights expect.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class Normalise:
    """Turns images of bytes into float32 of mean 0 and deviation 1, channel by channel; `mean` and `std` are of pixels in 0..1."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean, self.std = tuple(mean), tuple(std)
        self._scale = torch.tensor([1 / (255 * deviation) for deviation in std]).view(-1, 1, 1)
        self._shift = torch.tensor([-middle / deviation for middle, deviation in zip(mean, std, strict=True)]).view(-1, 1, 1)

    def __call__(self, images: Tensor) -> Tensor:
        if self._scale.device != images.device:
            self._scale, self._shift = self._scale.to(images.device), self._shift.to(images.device)
        # One rounding per operation: a fused one may round differently at the end of a block, and a batch must not
        # depend on what was gathered with it.
        return images.float().mul_(self._scale).add_(self._shift)

    def undone(self, images: Tensor) -> Tensor:
        """The images as they were stored, nearly."""
        return (images - self._shift) / self._scale
