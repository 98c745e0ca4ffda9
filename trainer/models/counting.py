"""What the model of a config is made of, without data and without weights."""

from __future__ import annotations

import torch

from gradtop.trainer.config import Config, TorchvisionModel
from gradtop.trainer.data import info_of
from gradtop.trainer.models.description import Description, describe
from gradtop.trainer.models.kinds import build


def describe_config(config: Config) -> Description:
    """Raises UserError where the model cannot be built."""
    name = config.model.name if isinstance(config.model, TorchvisionModel) else config.model.kind
    info = info_of(config.data)
    try:
        # Shapes only: no memory, no random numbers.
        with torch.device("meta"):
            model = build(config.model, info)
    except (NotImplementedError, RuntimeError):
        # A builder that reads a number out of a tensor needs real ones.
        model = build(config.model, info)
    return describe(model, name)
