"""torch's SGD, and the momentum that its fused kernel does not begin by itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from gradtop.trainer.optim.direct_step import DirectSGD, begin_momentum
from gradtop.trainer.optim.optimizer import build_torch
from gradtop.trainer.optim.optimizers.sgd import Sgd


def build(config: Sgd, model: nn.Module, device: torch.device) -> Optimizer:
    made = build_torch(config, model, device)
    if not isinstance(made, DirectSGD):  # which begins it where it has to
        made.register_step_pre_hook(_begin_momentum)
    return made


def _begin_momentum(optimizer: Optimizer, _args: Any, _keywords: Any) -> None:
    begin_momentum(optimizer)
