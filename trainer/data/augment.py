"""Data augmentation of a batch of training images on the device, with random parameters for each image.

torchvision's transforms draw once for the whole batch, and from the global generator.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from gradtop.trainer.data import transforms
from gradtop.trainer.data.augment_config import AugmentConfig
from gradtop.trainer.data.dataset import Source, Tones
from gradtop.trainer.data.transforms import Draws
from gradtop.trainer.runtime.errors import UserError

# Apart from the seeds of the order of epochs and of fake images.
_SEEDS_FROM = 0x6A09_E667_F3BC_C908


def augmentation(config: AugmentConfig, source: Source, *, seed: int, ignored: int | None = None) -> Augmentation | None:
    """None where nothing is to be augmented, as in a text. `ignored` is the label of pixels that have none. Raises UserError where the inputs are not images."""
    strong = [name for name, strength in vars(config).items() if strength]
    if not strong or not source.info.channels:
        return None
    tones = source.tones
    if tones is None:
        raise UserError(f"augment.{strong[0]} requires images, and the inputs are not images; set it to 0")
    return Augmentation(config, source, tones, seed, ignored)


class Augmentation:
    """Augments stored images and prepares them for the model; labels become class probabilities where images are mixed, and labels of pixels move with these.

    The seed and the number of the batch decide everything random.
    """

    def __init__(self, config: AugmentConfig, source: Source, tones: Tones, seed: int, ignored: int | None = None) -> None:
        self._outside = -1 if ignored is None else ignored
        self._pixels = source.info.pixels
        self._config = config
        self._prepare = source.prepare
        self._classes = source.info.classes
        self._black, self._span = tones.black, (tones.white - tones.black)
        # A channel that is the same everywhere.
        self._span[self._span == 0] = 1.0
        self._seed = seed * 1_000_003 + _SEEDS_FROM

    @torch.no_grad()
    def __call__(self, images: Tensor, targets: Tensor, number: int) -> tuple[Tensor, Tensor]:
        config = self._config
        if self._black.device != images.device:
            self._black, self._span = self._black.to(images.device), self._span.to(images.device)
        draws = self._draws(images, number)
        if self._pixels:
            targets = self._moved(targets, self._draws(images, number))
        if config.flip:
            images = transforms.flip(images, config.flip, draws)
        if config.crop:
            images = transforms.shift(images, config.crop, self._black, draws)
        if config.rotation or config.brightness or config.contrast:
            images = self._in_light(images, draws)
        if config.erasing:
            images = transforms.erase(images, config.erasing, self._black, draws)
        if config.mixup or config.cutmix:
            images, targets = self._mix(images, targets, draws)
        if self._prepare is not None:
            images = self._prepare(images)
        return images, targets

    def _draws(self, images: Tensor, number: int) -> Draws:
        return Draws(len(images), images.device, (self._seed + number) % (1 << 63))

    def _moved(self, masks: Tensor, draws: Draws) -> Tensor:
        """Labels (batch, height, width) moved as the images are: the draws of the same seed, in the same order. What comes in has no label."""
        config, moved = self._config, masks.unsqueeze(1)
        if config.flip:
            moved = transforms.flip(moved, config.flip, draws)
        if config.crop:
            moved = transforms.shift(moved, config.crop, moved.new_full((1, 1, 1), self._outside), draws)
        if config.rotation:
            moved = transforms.rotate_labels(moved, config.rotation, draws, self._outside)
        return moved.squeeze(1)

    def _in_light(self, images: Tensor, draws: Draws) -> Tensor:
        """The transforms on pixels in 0 (black) to 1 (white); the images come back as float32 on their own scale."""
        config = self._config
        light = (images - self._black) / self._span
        if config.rotation:
            light = transforms.rotate(light, config.rotation, draws)
        if config.brightness:
            light = transforms.brighten(light, config.brightness, draws)
        if config.contrast:
            light = transforms.contrast(light, config.contrast, draws)
        return light * self._span + self._black

    def _mix(self, images: Tensor, targets: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Each image with another of the batch: by CutMix, by mixup or, where both are on, by either with equal probability."""
        config = self._config
        others = draws.partners()
        cutting = draws.chosen(0.5) if config.mixup and config.cutmix else torch.full_like(others, bool(config.cutmix), dtype=torch.bool)
        mixed, own = images, torch.ones(len(images), device=images.device)
        if config.cutmix:
            mixed, own = transforms.cut(images, config.cutmix, others, cutting, draws)
        if config.mixup:
            own = torch.where(cutting, own, draws.beta(config.mixup))
            blended = torch.lerp(images[others].float(), images.float(), transforms.each(own))
            mixed = torch.where(transforms.each(cutting), mixed, blended)
        shares = functional.one_hot(targets, self._classes).float()
        return mixed, torch.lerp(shares[others], shares, own.unsqueeze(1))
