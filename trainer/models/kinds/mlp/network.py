"""Multilayer perceptron."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.models.kinds.mlp import Mlp
from gradtop.trainer.models.layers import ACTIVATIONS, vector_width, vectors


class MLP(nn.Sequential):
    """Of a table first `embed`, the embeddings of its categories; linear layers `linear1`, `linear2`, …, each with its activation and dropout, and the linear layer `head`."""

    def __init__(self, config: Mlp, info: DataInfo) -> None:
        layers: OrderedDict[str, nn.Module] = vectors(info)
        width = vector_width(info)
        for number, hidden in enumerate(config.hidden, start=1):
            layers[f"linear{number}"] = nn.Linear(width, hidden)
            layers[f"{config.activation}{number}"] = ACTIVATIONS[config.activation]()
            # There even where it drops nothing, so that a running worker can be told to drop.
            layers[f"dropout{number}"] = nn.Dropout(config.dropout)
            width = hidden
        layers["head"] = nn.Linear(width, info.outputs)
        super().__init__(layers)
