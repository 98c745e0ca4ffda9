"""Small data sets with targets of every kind, for `data.target` of the tests."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

Parts = tuple[Any, Any]


class Samples(Dataset[tuple[Tensor, Tensor]]):
    """Read one by one."""

    def __init__(self, inputs: Tensor, targets: Tensor) -> None:
        self.inputs, self.targets = inputs, targets

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.inputs[index], self.targets[index]


def noise(samples: int = 1600) -> Parts:
    """Three numbers that tell nothing of the target."""
    generator = torch.Generator().manual_seed(4)
    return split(torch.randn(samples, 3, generator=generator), torch.randn(samples, generator=generator), one_by_one=False)


def split(inputs: Tensor, targets: Tensor, *, one_by_one: bool) -> Parts:
    cut = 4 * len(inputs) // 5
    parts = (inputs[:cut], targets[:cut]), (inputs[cut:], targets[cut:])
    return (Samples(*parts[0]), Samples(*parts[1])) if one_by_one else parts


def slope(samples: int = 60, targets: int = 1, scale: float = 50.0, offset: float = 1000.0, spoilt: int = -1, one_by_one: bool = False) -> Parts:
    """Three numbers, and linear functions of them; the target of the sample `spoilt` is NaN."""
    generator = torch.Generator().manual_seed(5)
    inputs = torch.randn(samples, 3, generator=generator)
    found = offset + scale * (inputs @ torch.randn(3, targets, generator=generator))
    found = found.squeeze(1) if targets == 1 else found
    if spoilt >= 0:
        found[spoilt] = math.nan
    return split(inputs, found, one_by_one=one_by_one)


def tags(samples: int = 60, spoilt: int = -1) -> Parts:
    """Three numbers, and for each whether it is above 0.5; a target of the sample `spoilt` is 2."""
    inputs = torch.randn(samples, 3, generator=torch.Generator().manual_seed(7))
    targets = (inputs > 0.5).long()
    if spoilt >= 0:
        targets[spoilt, 1] = 2
    return split(inputs, targets, one_by_one=False)


def masks(samples: int = 40, side: int = 6, other_side: int = 0, one_by_one: bool = False, classes: int = 2) -> Parts:
    """Noise, brighter on one side of a line; masks of that side, whose last column is ignored (255)."""
    generator = torch.Generator().manual_seed(8)
    edge = torch.randint(1, side, (samples, 1, 1), generator=generator)
    found = (torch.arange(side) < edge).long().expand(samples, side, side).clone()
    pictures = found.float().unsqueeze(1) + 0.2 * torch.randn(samples, 1, side, side, generator=generator)
    found[:, :, -1] = 255
    if other_side:
        found = found[:, :, :other_side]
    return split(pictures, found * (classes > 1), one_by_one=one_by_one)


def pixel_classifier(channels: int, classes: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, classes, 1))


def rare(samples: int = 100, ignored: int = -100) -> Parts:
    """Two classes, 9 to 1; where `ignored` is given every seventh sample has it for a label."""
    generator = torch.Generator().manual_seed(6)
    inputs = torch.randn(samples, 3, generator=generator)
    labels = (torch.arange(samples) % 10 == 0).long()
    inputs[:, 0] += 3 * labels
    if ignored != -100:
        labels[::7] = ignored
    return split(inputs, labels, one_by_one=False)


def three_sets(samples: int = 60, spoilt: bool = False, one_by_one: bool = False) -> tuple[Any, Any, Any]:
    """Three numbers, the class of which is the largest; the third set is a test set, of `spoilt` classes that training has not."""
    inputs = torch.randn(samples, 3, generator=torch.Generator().manual_seed(11))
    labels = inputs.argmax(1)
    training, validation = split(inputs, labels, one_by_one=one_by_one)
    test = torch.randn(25, 3, generator=torch.Generator().manual_seed(12))
    answers = test.argmax(1) + (3 if spoilt else 0)
    return training, validation, Samples(test, answers) if one_by_one else (test, answers)


def unlabeled(training: int, validation: int, pixels: bool) -> Parts:
    """Two classes of pixels, or of samples; so many samples of each set have no label but 255."""
    generator = torch.Generator().manual_seed(9)
    parts = []
    for samples, spoilt in ((32, training), (16, validation)):
        pictures = torch.rand(samples, 1, 4, 4, generator=generator)
        found = (pictures[:, 0] > 0.5).long() if pixels else (pictures.mean((1, 2, 3)) > 0.5).long()
        found[len(found) - spoilt :] = 255
        parts.append((pictures, found))
    return parts[0], parts[1]
