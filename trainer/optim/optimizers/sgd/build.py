"""torch's SGD, and the momentum that its fused kernel does not begin by itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from gradtop.trainer.optim.optimizer import build_torch
from gradtop.trainer.optim.optimizers.sgd import Sgd


def build(config: Sgd, model: nn.Module, device: torch.device) -> Optimizer:
    made = build_torch(config, model, device)
    made.register_step_pre_hook(_begin_momentum)
    return made


def _begin_momentum(optimizer: Optimizer, _args: Any, _keywords: Any) -> None:
    """Give parameters that fused SGD takes for the first time a momentum of zero, to which their first gradient is added.

    Its kernel can begin only with all parameters of a group at once, and not with those that thaw later; and where a scaler
    skips the first step it would leave as momentum what happened to lie in memory.
    """
    if len(optimizer.state) == sum([len(group["params"]) for group in optimizer.param_groups]):
        return  # as in nearly every step: all have theirs
    for group in optimizer.param_groups:
        if not (group["fused"] and group["momentum"]):
            continue
        training = [parameter for parameter in group["params"] if parameter.grad is not None]
        new = [parameter for parameter in training if optimizer.state[parameter].get("momentum_buffer") is None]
        if len(new) < len(training) or getattr(optimizer, "found_inf", None) is not None:
            for parameter in new:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
