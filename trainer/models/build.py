"""From a config's `model` to the module."""

from __future__ import annotations

from torch import nn

from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.models.kinds import ModelConfig
from gradtop.trainer.runtime.device import out_of_memory
from gradtop.trainer.runtime.errors import UserError


def build_model(config: ModelConfig, info: DataInfo) -> nn.Module:
    """The model with new weights, from torch's random state, on the default device. Raises UserError where it cannot be built."""
    try:
        made: nn.Module = config.build(info)
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise UserError(f"not enough memory for a {config.kind} of this size; make the model smaller") from error
    return made
