"""Models, a folder for each kind: its declaration, which needs no torch, and its network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from gradtop.trainer.declare import Kind

Activation = Literal["relu", "gelu", "silu", "tanh", "leaky_relu", "elu"]
NormKind = Literal["none", "batch", "layer", "group"]
Inputs = Literal["vectors", "images", "characters", "any"]
Keywords = Mapping[str, Any]

ACTIVATION = "Activation function after each hidden layer."
HIDDEN_DROPOUT = "Dropout probability after each hidden layer."
BLOCK_DROPOUT = "Dropout probability in each block."
NUM_LAYERS = "Transformer blocks: self-attention and a multilayer perceptron."
NUM_HEADS = "Attention heads; must divide hidden_size."


class ModelConfig(Kind, defer_build=True):
    """What is trained."""

    package = "gradtop.trainer.models.kinds"
    # "vectors" are also square images, flattened; "any" is only known when a batch goes through the model.
    inputs: ClassVar[Inputs]

    @property
    def label(self) -> str:
        """What the model is called on the screen and in counts."""
        return self.kind

    @property
    def window(self) -> int:
        """Characters in one input; 0 for other inputs."""
        return 0

    def misfits(self, size: int, data: str) -> Iterator[tuple[str, str]]:  # noqa: ARG002 - most take any size
        """(field, sentence) of what it cannot do with square images of `size` pixels from `data`."""
        return iter(())


def heads_misfit(num_heads: int, hidden_size: int) -> Iterator[tuple[str, str]]:
    if hidden_size % num_heads:
        yield "num_heads", f"must divide model.hidden_size, which is {hidden_size}; it is {num_heads}"
