"""Multilayer perceptron."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.models.kinds import ACTIVATION, HIDDEN_DROPOUT, Activation, ModelConfig


class Mlp(ModelConfig):
    kind: Literal["mlp"] = setting("mlp", help="Multilayer perceptron.", effect="restart")
    hidden: tuple[int, ...] = setting(
        (128, 64), help="Width of each hidden layer; an empty list is a linear classifier.", unit="neurons",
        effect="restart", ge=1, le=1_000_000,
    )
    activation: Activation = setting("relu", help=ACTIVATION, effect="restart")
    dropout: float = setting(0.0, help=HIDDEN_DROPOUT, effect="live", ge=0, lt=1)

    inputs: ClassVar = "vectors"
    builder: ClassVar = "gradtop.trainer.models.kinds.mlp.network:MLP"
