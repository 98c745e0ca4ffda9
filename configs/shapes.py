"""Pictures of discs and squares, for the examples of tasks that have no data set of their own: `data.target = "configs.shapes:discs"`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIDE = 16
Part = tuple[Tensor, Tensor]


def discs(samples: int = 1500, noise: float = 0.2) -> tuple[Part, Part]:
    """A disc in each picture; the targets are its centre, x and y, and its radius, in pixels."""
    generator = torch.Generator().manual_seed(0)
    centres = 4 + (SIDE - 8) * torch.rand(samples, 2, generator=generator)
    radii = 1.5 + 2.5 * torch.rand(samples, 1, generator=generator)
    images = disc_masks(centres, radii).float() + noise * torch.randn(samples, 1, SIDE, SIDE, generator=generator)
    return split(images, torch.cat([centres, radii], 1))


def scenes(samples: int = 1500, noise: float = 0.2) -> tuple[Part, Part]:
    """Discs, squares and stripes, of which any may be in a picture; the targets are three numbers, 1 for what is there."""
    generator = torch.Generator().manual_seed(0)
    there = torch.rand(samples, 3, generator=generator) < torch.tensor([0.5, 0.3, 0.1])
    disc, square = (4 + (SIDE - 8) * torch.rand(2, samples, 2, generator=generator)).unbind()
    sizes = 1.5 + 1.5 * torch.rand(samples, 2, generator=generator)
    parts = (disc_masks(disc, sizes[:, :1]), square_masks(square, sizes[:, 1:]), (torch.arange(SIDE) % 4 == 0).expand(samples, 1, SIDE, SIDE))
    images = sum(part.float() * there[:, each, None, None, None] for each, part in enumerate(parts))
    return split(images + noise * torch.randn(samples, 1, SIDE, SIDE, generator=generator), there.float())


def discs_and_squares(samples: int = 600, noise: float = 0.3) -> tuple[Part, Part]:
    """A disc and a square in each picture; the targets are masks: 0 nothing, 1 disc, 2 square, and 255, which is ignored, where they lie over each other."""
    generator = torch.Generator().manual_seed(0)
    disc, square = (4 + (SIDE - 8) * torch.rand(2, samples, 2, generator=generator)).unbind()
    sizes = 1.5 + 2 * torch.rand(samples, 2, generator=generator)
    one, other = disc_masks(disc, sizes[:, :1]), square_masks(square, sizes[:, 1:])
    masks = (one + 2 * other.long()).squeeze(1)
    images = (one | other).float() + noise * torch.randn(samples, 1, SIDE, SIDE, generator=generator)
    return split(images, masks.where(masks < 3, 255))


def segmenter(channels: int, classes: int, width: int = 16) -> nn.Module:
    """A value for each class and pixel: (samples, classes, side, side)."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=2, dilation=2), nn.BatchNorm2d(width), nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=4, dilation=4), nn.BatchNorm2d(width), nn.ReLU(),
        nn.Conv2d(width, classes, 1),
    )  # fmt: skip


def disc_masks(centres: Tensor, radii: Tensor) -> Tensor:
    """(samples, 1, side, side): True within the disc."""
    places = torch.arange(SIDE).float()
    across, down = (places.view(1, 1, -1) - centres[:, :1, None]).square(), (places.view(1, -1, 1) - centres[:, 1:, None]).square()
    return (across + down <= radii.square()[:, :, None]).unsqueeze(1)


def square_masks(centres: Tensor, sizes: Tensor) -> Tensor:
    """(samples, 1, side, side): True within the square."""
    places = torch.arange(SIDE).float()
    across, down = (places.view(1, 1, -1) - centres[:, :1, None]).abs(), (places.view(1, -1, 1) - centres[:, 1:, None]).abs()
    return (torch.maximum(across, down) <= sizes[:, :, None]).unsqueeze(1)


def split(images: Tensor, targets: Tensor) -> tuple[Part, Part]:
    """Four fifths for training, the rest for validation."""
    cut = 4 * len(images) // 5
    return (images[:cut], targets[:cut]), (images[cut:], targets[cut:])
