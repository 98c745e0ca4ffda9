"""Multilayer perceptron with one weight matrix for all hidden layers."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.models.kinds import ACTIVATION, HIDDEN_DROPOUT, Activation, ModelConfig


class Shared(ModelConfig):
    kind: Literal["shared"] = setting("shared", help="Multilayer perceptron whose hidden layers share one weight matrix.", effect="restart")
    hidden_size: int = setting(128, help="Width of the hidden layers.", unit="neurons", effect="restart", ge=1, le=100_000)
    num_layers: int = setting(4, help="Number of times that the shared layer is applied.", unit="layers", effect="restart", ge=1, le=10_000)
    activation: Activation = setting("relu", help=ACTIVATION, effect="restart")
    dropout: float = setting(0.0, help=HIDDEN_DROPOUT, effect="live", ge=0, lt=1)

    inputs: ClassVar = "vectors"
    builder: ClassVar = "gradtop.trainer.models.kinds.shared.network:SharedMLP"
