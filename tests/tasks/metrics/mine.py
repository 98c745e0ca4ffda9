"""Metrics as users write them, for `training.metrics` of the tests."""

from __future__ import annotations

import torch
from torch import Tensor


def error_rate(outputs: Tensor, targets: Tensor) -> float:
    return float((outputs.argmax(1) != targets).float().mean())


def worst_miss(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).abs().max()


def raising(outputs: Tensor, targets: Tensor) -> float:
    raise ValueError(f"not of {len(targets)} samples")


def both(outputs: Tensor, targets: Tensor) -> Tensor:
    return torch.stack([outputs.mean(), targets.float().mean()])


def words(outputs: Tensor, targets: Tensor) -> str:
    return "0.5"


class HitRate:
    """As torchmetrics has them."""

    def __init__(self, num_classes: int, weight: float = 1.0) -> None:
        self.num_classes, self.weight = num_classes, weight
        self.reset()

    def reset(self) -> None:
        self.right = self.total = torch.zeros(())

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        assert outputs.shape[1] == self.num_classes
        self.right = self.right + (outputs.argmax(1) == targets).sum()
        self.total = self.total + len(targets)

    def compute(self) -> Tensor:
        return self.weight * self.right / self.total


class Breaking(HitRate):
    def update(self, outputs: Tensor, targets: Tensor) -> None:
        raise RuntimeError("cannot take this batch\nand more")


class Spoiling:
    """Sums the outputs, and changes them in place."""

    def __init__(self) -> None:
        self.total = torch.zeros(())

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        self.total = self.total + outputs.sum()
        outputs.zero_()

    def compute(self) -> Tensor:
        return self.total


def leaving(outputs: Tensor, targets: Tensor) -> float:
    raise SystemExit(3)


class NeedsMore:
    def __init__(self, path: str) -> None:
        self.path = path

    def update(self, outputs: Tensor, targets: Tensor) -> None: ...

    def compute(self) -> float:
        return 0.0


class NoSteps:
    pass


made = HitRate(10, weight=100.0)
number = 3


class Late:
    """A callable that works `times` times, and then no more, until it is mended."""

    def __init__(self) -> None:
        self.times = self.called = 0

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.called += 1
        if self.called > self.times:
            raise ValueError(f"not of {len(targets)} samples")
        return outputs.mean()


late = Late()


def whole(outputs: Tensor, targets: Tensor) -> float:
    """As one that requires each class to be there."""
    if len(targets) < 12:
        raise ValueError(f"not of {len(targets)} samples")
    return 0.5
