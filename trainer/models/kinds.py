"""From a config's `model` to the module; another kind is another line here."""

from __future__ import annotations

from torch import nn

from trainer.config import Cnn, Mlp, ModelConfig
from trainer.data import DataInfo
from trainer.device import out_of_memory
from trainer.errors import UserError
from trainer.models.cnn import CNN
from trainer.models.mlp import MLP
from trainer.models.zoo import build_torchvision


def build(config: ModelConfig, info: DataInfo) -> nn.Module:
    """The model with new weights, from torch's random state, on the default device. Raises UserError where it cannot be."""
    try:
        if isinstance(config, Mlp):
            return MLP(config, info)
        if isinstance(config, Cnn):
            return CNN(config, info)
        return build_torchvision(config, info)
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise UserError(f"there is not enough memory for a {config.kind} of this size; make the model smaller") from error
