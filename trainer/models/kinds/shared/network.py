"""A model whose layers share one weight matrix."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.models.kinds.shared import Shared
from gradtop.trainer.models.layers import ACTIVATIONS, vector_width, vectors


class SharedMLP(nn.Sequential):
    """Of a table first `embed`, the embeddings of its categories; a linear layer `inlet`, then `shared1`, `shared2`, …: one weight, each with a bias of its own; then `head`."""

    def __init__(self, config: Shared, info: DataInfo) -> None:
        layers: OrderedDict[str, nn.Module] = vectors(info)
        layers["inlet"] = nn.Linear(vector_width(info), config.hidden_size)
        first: nn.Linear | None = None
        for number in range(1, config.num_layers + 1):
            layers[f"{config.activation}{number}"] = ACTIVATIONS[config.activation]()
            layers[f"dropout{number}"] = nn.Dropout(config.dropout)
            layer = nn.Linear(config.hidden_size, config.hidden_size)
            if first is None:
                first = layer
            else:
                layer.weight = first.weight
            layers[f"shared{number}"] = layer
        layers[config.activation] = ACTIVATIONS[config.activation]()
        layers["head"] = nn.Linear(config.hidden_size, info.outputs)
        super().__init__(layers)
