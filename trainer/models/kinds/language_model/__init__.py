"""Language model of characters or tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.models.kinds import BLOCK_DROPOUT, NUM_HEADS, NUM_LAYERS, ModelConfig, heads_misfit


class LanguageModel(ModelConfig):
    kind: Literal["language_model"] = setting("language_model", help="Language model of characters or tokens: a decoder-only transformer.", effect="restart")
    num_layers: int = setting(4, help=NUM_LAYERS, unit="layers", effect="restart", ge=1, le=1_000)
    hidden_size: int = setting(128, help="Dimension of the token embeddings.", effect="restart", ge=1, le=100_000)
    num_heads: int = setting(4, help=NUM_HEADS, effect="restart", ge=1, le=1_000)
    context: int = setting(128, help="Context length: number of characters or tokens that the model sees.", unit="tokens", effect="restart", ge=2, le=1_000_000)
    dropout: float = setting(0.0, help=BLOCK_DROPOUT, effect="live", ge=0, lt=1)
    tied: bool = setting(True, help="Tie the output weights to the embedding (Press & Wolf, 2017).", effect="restart")

    inputs: ClassVar = "characters"
    builder: ClassVar = "gradtop.trainer.models.kinds.language_model.network:CharacterModel"

    @property
    def window(self) -> int:
        return self.context

    def disagreements(self) -> Iterator[tuple[str, str]]:
        return heads_misfit(self.num_heads, self.hidden_size)
