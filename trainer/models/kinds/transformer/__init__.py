"""Vision transformer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.models.kinds import BLOCK_DROPOUT, NUM_HEADS, NUM_LAYERS, ModelConfig, heads_misfit


class Transformer(ModelConfig):
    kind: Literal["transformer"] = setting("transformer", help="Vision transformer (Dosovitskiy et al., 2021).", effect="restart")
    patch_size: int = setting(4, help="Side of a patch; must divide the image size.", unit="pixels", effect="restart", ge=1, le=1_000)
    num_layers: int = setting(4, help=NUM_LAYERS, unit="layers", effect="restart", ge=1, le=1_000)
    hidden_size: int = setting(64, help="Dimension of the patch embeddings.", effect="restart", ge=1, le=100_000)
    num_heads: int = setting(4, help=NUM_HEADS, effect="restart", ge=1, le=1_000)
    dropout: float = setting(0.0, help=BLOCK_DROPOUT, effect="live", ge=0, lt=1)

    inputs: ClassVar = "images"
    builder: ClassVar = "gradtop.trainer.models.kinds.transformer.network:VisionTransformer"

    def disagreements(self) -> Iterator[tuple[str, str]]:
        return heads_misfit(self.num_heads, self.hidden_size)

    def misfits(self, size: int, data: str) -> Iterator[tuple[str, str]]:
        if size % self.patch_size:
            yield "patch_size", f"must divide the side of the images, {size} for {data}; it is {self.patch_size}"
