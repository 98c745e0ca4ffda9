"""From a config's `model` to the module; another kind is another line here."""

from __future__ import annotations

import torch
from torch import nn

from gradtop.trainer.config import (
    Cnn,
    CustomModel,
    LanguageModel,
    Mlp,
    ModelConfig,
    Shared,
    TorchvisionModel,
    Transformer,
)
from gradtop.trainer.data import DataInfo
from gradtop.trainer.models.cnn import CNN
from gradtop.trainer.models.mlp import MLP
from gradtop.trainer.models.shared import SharedMLP
from gradtop.trainer.models.torchvision import build_torchvision
from gradtop.trainer.models.transformer import CharacterModel, VisionTransformer
from gradtop.trainer.runtime import user_code as custom
from gradtop.trainer.runtime.device import out_of_memory
from gradtop.trainer.runtime.errors import UserError


def build(config: ModelConfig, info: DataInfo) -> nn.Module:
    """The model with new weights, from torch's random state, on the default device. Raises UserError where it cannot be."""
    try:
        match config:
            case Mlp():
                return MLP(config, info)
            case Cnn():
                return CNN(config, info)
            case Transformer():
                return VisionTransformer(config, info)
            case LanguageModel():
                return CharacterModel(config, info)
            case Shared():
                return SharedMLP(config, info)
            case TorchvisionModel():
                return build_torchvision(config, info)
            case CustomModel():
                return _custom(config, info)
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise UserError(f"there is not enough memory for a {config.kind} of this size; make the model smaller") from error


def _custom(config: CustomModel, info: DataInfo) -> nn.Module:
    """`channels`, `size` and `classes` are given to a callable that takes them."""
    made = custom.call(
        config.target, config.arguments, "model.target", channels=info.channels, size=info.size, classes=info.classes
    )
    if not isinstance(made, nn.Module):
        raise UserError(f"model.target: {config.target} gives {type(made).__name__}, not a torch.nn.Module")
    # What only counts parameters builds there itself.
    if torch.get_default_device().type != "meta" and any(each.is_meta for each in (*made.parameters(), *made.buffers())):
        raise UserError(f"model.target: {config.target} gives a module on the device meta, whose weights have no values; make it on another")
    if not any(parameter.requires_grad for parameter in made.parameters()):
        raise UserError(f"model.target: {config.target} gives a module without any parameter to train")
    return made
