"""Layers that several models share."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
}
# As many as in the paper (Wu & He, 2018), where they divide the channels.
_GROUPS = 32
# Standard deviation of the initial embeddings (Dosovitskiy et al., 2021).
POSITION_STD = 0.02


def norm(kind: str, channels: int) -> nn.Module:
    """Normalization of (batch, channels, height, width): over the batch, over a sample (`layer`), or over groups of channels."""
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    groups = 1 if kind == "layer" else next(n for n in range(min(_GROUPS, channels), 0, -1) if channels % n == 0)
    return nn.GroupNorm(groups, channels)


def blocks(num_layers: int, hidden_size: int, num_heads: int, dropout: float) -> nn.TransformerEncoder:
    """Pre-norm transformer blocks (Xiong et al., 2020)."""
    layer = nn.TransformerEncoderLayer(
        hidden_size, num_heads, 4 * hidden_size, dropout, activation="gelu", batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(layer, num_layers, norm=nn.LayerNorm(hidden_size), enable_nested_tensor=False)
