"""Layers that several models share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from gradtop.trainer.data.dataset import DataInfo

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
_WIDEST_EMBEDDING = 50  # of a category


class TableEmbedding(nn.Module):
    """Numbers of categories, the last columns, replaced by an embedding `column1`, `column2`, … of each; `sizes` says how many numbers each has."""

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self._sizes = tuple(sizes)
        for place, size in enumerate(sizes, start=1):
            self.add_module(f"column{place}", nn.Embedding(size, embedding_size(size)))

    def forward(self, rows: Tensor) -> Tensor:
        """(batch, numbers + categories) to (batch, numbers + embeddings)."""
        parts = [rows[:, : -len(self._sizes)]]
        for place, (size, embed) in enumerate(zip(self._sizes, self.children(), strict=True), start=-len(self._sizes)):
            # Inputs that are drawn at random, as to measure with, are no numbers of a category.
            parts.append(embed(rows[:, place].long().clamp(0, size - 1)))
        return torch.cat(parts, 1)


def embedding_size(count: int) -> int:
    """Of so many categories."""
    return min(_WIDEST_EMBEDDING, (count + 1) // 2)


def vectors(info: DataInfo) -> OrderedDict[str, nn.Module]:
    """The first layers of what takes vectors."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    if info.categories:
        layers["embed"] = TableEmbedding(info.categories)
    return layers


def vector_width(info: DataInfo) -> int:
    """How many numbers these layers give for each sample."""
    return info.channels * info.size * info.size - len(info.categories) + sum(map(embedding_size, info.categories))


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
