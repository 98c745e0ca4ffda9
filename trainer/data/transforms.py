"""Transforms of a batch of images (batch, channels, height, width) on the device, with random parameters for each image."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

# Of the picture's area, and height against width: as in Zhong et al. 2020, and in torchvision's RandomErasing.
_ERASED_AREA = (0.02, 0.33)
_ERASED_RATIO = (0.3, 3.3)
# What a pixel of each colour gives to its grey, as in ITU-R BT.601.
_LUMA = (0.299, 0.587, 0.114)


class Draws:
    """Random numbers for each image of a batch, all of one generator."""

    def __init__(self, count: int, device: torch.device, seed: int) -> None:
        self.count = count
        self.device = device
        self._seed = seed
        self._generator = torch.Generator(device).manual_seed(seed)

    def uniform(self, low: float, high: float) -> Tensor:
        """(batch,) float32 from low to high."""
        return torch.rand(self.count, generator=self._generator, device=self.device).mul_(high - low).add_(low)

    def chosen(self, share: float) -> Tensor:
        """(batch,) bool, each true with probability `share`."""
        return self.uniform(0.0, 1.0) < share

    def whole(self, most: Tensor | int) -> Tensor:
        """(batch,) int64 from 0 to `most`, each as likely."""
        # A float32 just below 1, times a large number, can be rounded up to it.
        return torch.minimum((self.uniform(0.0, 1.0) * (most + 1)).long(), torch.as_tensor(most, device=self.device))

    def partners(self) -> Tensor:
        """(batch,) int64: another image for each, by a permutation."""
        return torch.randperm(self.count, generator=self._generator, device=self.device)

    def beta(self, alpha: float) -> Tensor:
        """(batch,) float32 of the distribution Beta(alpha, alpha)."""
        generator, device = self._generator, self.device
        if device.type not in ("cpu", "cuda"):
            # No gamma distribution there.
            device = torch.device("cpu")
            generator = torch.Generator().manual_seed(self._seed)
        alphas = torch.full((self.count, 2), alpha, device=device)
        return torch._sample_dirichlet(alphas, generator)[:, 0].to(self.device)  # noqa: SLF001 - the public form takes no generator


def each(draws: Tensor) -> Tensor:
    """A value for each image, as it is applied to all its pixels."""
    return draws.view(-1, 1, 1, 1)


def flip(images: Tensor, share: float, draws: Draws) -> Tensor:
    return torch.where(each(draws.chosen(share)), images.flip(-1), images)


def shift(images: Tensor, most: int, black: Tensor, draws: Draws) -> Tensor:
    """Moved by whole pixels, at most so many up, down or sideways."""
    count, channels, height, width = images.shape
    # Further than out of the picture is nowhere else.
    down, right = min(most, height), min(most, width)
    framed = black.to(images.dtype).expand(count, channels, height + 2 * down, width + 2 * right).clone()
    framed[..., down : down + height, right : right + width] = images
    windows = framed.unfold(2, height, 1).unfold(3, width, 1)
    tops, lefts = (draws.whole(2 * most).add_(reach - most).clamp_(0, 2 * reach) for reach in (down, right))
    return windows[torch.arange(count, device=images.device), :, tops, lefts]


def rotate(light: Tensor, most: float, draws: Draws, *, mode: str = "bilinear") -> Tensor:
    """Turned about the middle by at most so many degrees; what comes in is 0."""
    _, _, height, width = light.shape
    angles = draws.uniform(-most, most).mul_(math.pi / 180).view(-1, 1, 1)
    cos, sin = angles.cos(), angles.sin()
    # In pixels from the middle. Written out, as affine_grid multiplies matrices, which TF32 would round.
    down = torch.arange(height, device=light.device).sub((height - 1) / 2).view(1, -1, 1)
    right = torch.arange(width, device=light.device).sub((width - 1) / 2).view(1, 1, -1)
    across, along = (cos * right - sin * down) * (2 / width), (sin * right + cos * down) * (2 / height)
    return functional.grid_sample(light, torch.stack((across, along), dim=-1), mode=mode, align_corners=False)


def rotate_labels(masks: Tensor, most: float, draws: Draws, outside: int) -> Tensor:
    """As `rotate` with the same draws, each pixel of the label that is nearest; what comes in is `outside`."""
    # 0 is what comes in.
    numbers = torch.where(masks == outside, 0, masks + 1).float()
    turned = rotate(numbers, most, draws, mode="nearest").long()
    return torch.where(turned == 0, outside, turned - 1)


def brighten(light: Tensor, most: float, draws: Draws) -> Tensor:
    """Each image (0 is black, 1 is white) brighter or darker by at most that share."""
    return (light * each(draws.uniform(1 - most, 1 + most))).clamp_(0, 1)


def contrast(light: Tensor, most: float, draws: Draws) -> Tensor:
    """Each image drawn away from its mean grey, or towards it, by at most that share."""
    weights = _LUMA if light.shape[1] == len(_LUMA) else (1 / light.shape[1],) * light.shape[1]
    shares = torch.tensor(weights, device=light.device).view(-1, 1, 1)
    grey = (light.mean((2, 3), keepdim=True) * shares).sum(1, keepdim=True)
    return torch.lerp(grey, light, each(draws.uniform(1 - most, 1 + most))).clamp_(0, 1)


def erase(images: Tensor, share: float, black: Tensor, draws: Draws) -> Tensor:
    """A rectangle of that share of the images made black."""
    height, width = images.shape[2:]
    area = draws.uniform(*_ERASED_AREA) * (height * width)
    ratio = draws.uniform(*(math.log(side) for side in _ERASED_RATIO)).exp_()
    tall, wide = (area * ratio).sqrt().round().clamp(1, height).long(), (area / ratio).sqrt().round().clamp(1, width).long()
    top, left = draws.whole(height - tall), draws.whole(width - wide)
    inside = rectangle(images, top, top + tall, left, left + wide) & each(draws.chosen(share))
    return torch.where(inside, black.to(images.dtype), images)


def rectangle(images: Tensor, top: Tensor, bottom: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """(batch, 1, height, width) bool, true from top and left to before bottom and right."""
    rows = torch.arange(images.shape[2], device=images.device).view(1, 1, -1, 1)
    columns = torch.arange(images.shape[3], device=images.device).view(1, 1, 1, -1)
    return (rows >= each(top)) & (rows < each(bottom)) & (columns >= each(left)) & (columns < each(right))


def cut(images: Tensor, alpha: float, others: Tensor, chosen: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """CutMix: a rectangle of another image in each that is chosen; returns the share that is each one's own, too."""
    height, width = images.shape[2:]
    side = (1 - draws.beta(alpha)).sqrt() * chosen
    middle, centre = draws.uniform(0, height), draws.uniform(0, width)
    # What would lie outside of the picture is cut off, and the share is that of the pixels.
    top, bottom = ((middle + sign * side * height / 2).round().clamp(0, height).long() for sign in (-1, 1))
    left, right = ((centre + sign * side * width / 2).round().clamp(0, width).long() for sign in (-1, 1))
    mixed = torch.where(rectangle(images, top, bottom, left, right), images[others], images)
    return mixed, 1 - (bottom - top) * (right - left) / (height * width)
