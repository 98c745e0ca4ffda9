"""A denoising autoencoder (Vincent et al., 2008) and its loss, for `configs/autoencoder.toml`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Autoencoder(nn.Module):
    """Images (samples, channels, side, side) through `width` numbers and back."""

    def __init__(self, shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        pixels = shape[0] * shape[1] * shape[2]
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(pixels, 128), nn.ReLU(), nn.Linear(128, width))
        self.decoder = nn.Sequential(nn.Linear(width, 128), nn.ReLU(), nn.Linear(128, pixels), nn.Unflatten(1, shape))

    def forward(self, images: Tensor) -> Tensor:
        decoded: Tensor = self.decoder(self.encoder(images))
        return decoded


def build(channels: int, size: int, width: int = 16) -> nn.Module:
    return Autoencoder((channels, size, size), width)


def denoising(model: nn.Module, batch: tuple[Tensor, Tensor], noise: float = 0.5) -> dict[str, Tensor]:
    """How far the images are that it makes of noisy ones; `unexplained` is 1 for a model that always gives the mean image of the batch."""
    images, _labels = batch
    noisy = images + noise * torch.randn_like(images) if model.training else images
    loss = functional.mse_loss(model(noisy), images)
    return {"loss": loss, "unexplained": loss.detach() / (images - images.mean(0)).square().mean()}
