"""What the model of a config is made of, without data and without weights."""

from __future__ import annotations

import torch

from gradtop.trainer.config import Config
from gradtop.trainer.data.load import info_of
from gradtop.trainer.models.build import build_model
from gradtop.trainer.models.description import Description, describe


def describe_config(config: Config) -> Description:
    """Raises UserError where the model cannot be built."""
    info = info_of(config.data)
    try:
        # Shapes only: no memory, no random numbers.
        with torch.device("meta"):
            model = build_model(config.model, info)
    except (NotImplementedError, RuntimeError):
        # A builder that reads a number out of a tensor needs real ones.
        model = build_model(config.model, info)
    return describe(model, config.model.label)
