"""The module that a callable of the user's own project returns."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.models.kinds.custom import CustomModel
from gradtop.trainer.runtime import user_code
from gradtop.trainer.runtime.errors import UserError


def build(config: CustomModel, info: DataInfo) -> nn.Module:
    """`channels`, `size`, `classes` and `outputs` are given to a callable that takes them; `outputs` is the number of classes, or of targets."""
    made = user_code.call(
        config.target, config.arguments, "model.target", channels=info.channels, size=info.size, classes=info.classes, outputs=info.outputs
    )
    if not isinstance(made, nn.Module):
        parts = list(made.values()) if isinstance(made, Mapping) else made
        several = isinstance(parts, tuple | list) and any(isinstance(each, nn.Module | torch.optim.Optimizer) for each in parts)
        raise UserError(f"model.target: {config.target} returns {type(made).__name__}, not a torch.nn.Module{f': {user_code.SCRIPT}' if several else ''}")
    # What only counts parameters builds there itself.
    if torch.get_default_device().type != "meta" and any(each.is_meta for each in (*made.parameters(), *made.buffers())):
        raise UserError(f"model.target: {config.target} returns a module on the device meta, whose weights have no values; make it on another")
    if not any(parameter.requires_grad for parameter in made.parameters()):
        raise UserError(f"model.target: {config.target} returns a module without any parameter to train")
    return made
