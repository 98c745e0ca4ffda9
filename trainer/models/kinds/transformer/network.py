"""Transformer on the patches of an image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.models.kinds.transformer import Transformer
from gradtop.trainer.models.layers import POSITION_STD, blocks


class VisionTransformer(nn.Module):
    """Patch embeddings `embed` plus `position`, the blocks, then the linear layer `head` on the mean over patches."""

    def __init__(self, config: Transformer, info: DataInfo) -> None:
        super().__init__()
        patches = (info.size // config.patch_size) ** 2
        self.embed = nn.Conv2d(info.channels, config.hidden_size, config.patch_size, config.patch_size)
        self.position = nn.Parameter(nn.init.normal_(torch.empty(patches, config.hidden_size), std=POSITION_STD))
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = blocks(config.num_layers, config.hidden_size, config.num_heads, config.dropout)
        self.head = nn.Linear(config.hidden_size, info.outputs)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, size, size) to (batch, classes)."""
        patches = self.embed(images).flatten(2).transpose(1, 2)
        seen = self.blocks(self.dropout(patches + self.position))
        return self.head(seen.mean(1))  # type: ignore[no-any-return]
