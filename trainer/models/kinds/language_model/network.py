"""Decoder-only transformer on the characters or tokens of a text."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.models.kinds.language_model import LanguageModel
from gradtop.trainer.models.layers import POSITION_STD, blocks


class CharacterModel(nn.Module):
    """Character embeddings `embed` plus `position`, blocks with causal attention, then the linear layer `head`."""

    def __init__(self, config: LanguageModel, info: DataInfo) -> None:
        super().__init__()
        self.embed = nn.Embedding(info.classes, config.hidden_size)
        nn.init.normal_(self.embed.weight, std=POSITION_STD)
        self.position = nn.Parameter(nn.init.normal_(torch.empty(config.context, config.hidden_size), std=POSITION_STD))
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = blocks(config.num_layers, config.hidden_size, config.num_heads, config.dropout)
        self.head = nn.Linear(config.hidden_size, info.outputs, bias=False)
        if config.tied:
            self.head.weight = self.embed.weight
        # True is masked out. What follows from the config needs no place in a checkpoint.
        mask = torch.ones(config.context, config.context, dtype=torch.bool).triu(1)
        self.mask: Tensor
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, characters: Tensor) -> Tensor:
        """(batch, positions) of character numbers to (batch, positions, characters)."""
        length = characters.shape[1]
        seen = self.dropout(self.embed(characters) + self.position[:length])
        return self.head(self.blocks(seen, mask=self._causal(length), is_causal=True))  # type: ignore[no-any-return]

    def _causal(self, length: int) -> Tensor:
        if torch.compiler.is_compiling():
            # An exported program with a slice of the mask would take any length but that of the whole mask.
            return torch.ones(length, length, dtype=torch.bool, device=self.mask.device).triu(1)
        return self.mask[:length, :length]
