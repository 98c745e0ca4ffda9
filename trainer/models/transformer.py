"""Transformers: of the patches of a picture, and of the characters of a text."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gradtop.trainer.config import LanguageModel, Transformer
from gradtop.trainer.data import DataInfo
from gradtop.trainer.models.layers import blocks

# What a place in the picture or the text starts as (Dosovitskiy et al. 2021).
_POSITION_STD = 0.02


class VisionTransformer(nn.Module):
    """Patches `embed`ded, told their `position`, through the blocks, their mean into the linear layer `head`."""

    def __init__(self, config: Transformer, info: DataInfo) -> None:
        super().__init__()
        patches = (info.size // config.patch_size) ** 2
        self.embed = nn.Conv2d(info.channels, config.hidden_size, config.patch_size, config.patch_size)
        self.position = nn.Parameter(nn.init.normal_(torch.empty(patches, config.hidden_size), std=_POSITION_STD))
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = blocks(config.num_layers, config.hidden_size, config.num_heads, config.dropout)
        self.head = nn.Linear(config.hidden_size, info.classes)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, size, size) to (batch, classes)."""
        patches = self.embed(images).flatten(2).transpose(1, 2)
        seen = self.blocks(self.dropout(patches + self.position))
        return self.head(seen.mean(1))  # type: ignore[no-any-return]


class CharacterModel(nn.Module):
    """Characters `embed`ded, told their `position`, through blocks that see only what came before, into the layer `head`."""

    def __init__(self, config: LanguageModel, info: DataInfo) -> None:
        super().__init__()
        self.embed = nn.Embedding(info.classes, config.hidden_size)
        nn.init.normal_(self.embed.weight, std=_POSITION_STD)
        self.position = nn.Parameter(nn.init.normal_(torch.empty(config.context, config.hidden_size), std=_POSITION_STD))
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = blocks(config.num_layers, config.hidden_size, config.num_heads, config.dropout)
        self.head = nn.Linear(config.hidden_size, info.classes, bias=False)
        if config.tied:
            self.head.weight = self.embed.weight
        # True is not seen. What follows from the config needs no place in a checkpoint.
        mask = torch.ones(config.context, config.context, dtype=torch.bool).triu(1)
        self.mask: Tensor
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, characters: Tensor) -> Tensor:
        """(batch, positions) of character numbers to (batch, positions, characters)."""
        length = characters.shape[1]
        seen = self.dropout(self.embed(characters) + self.position[:length])
        return self.head(self.blocks(seen, mask=self.mask[:length, :length], is_causal=True))  # type: ignore[no-any-return]
