"""Code of a user's own project that prints with each batch, and nothing catches what print may raise."""

from __future__ import annotations

import sys

from torch import Tensor, nn


class Printing(nn.Module):
    """A linear classifier of images."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, classes)

    def forward(self, inputs: Tensor) -> Tensor:
        for stream in (sys.stdout, sys.stderr):
            print("." * 99, file=stream)
        return self.linear(inputs.flatten(1))  # type: ignore[no-any-return]


def printing(channels: int, size: int, classes: int) -> nn.Module:
    return Printing(channels * size * size, classes)
