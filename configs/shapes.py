"""Pictures of discs and squares, for the examples of tasks that have no data set of their own: `data.target = "configs.shapes:discs"`."""

from __future__ import annotations

import torch
from torch import Tensor

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
