"""Optimizers by kind."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from trainer.config.optimizer import Adam as AdamConfig
from trainer.config.optimizer import AdamW as AdamWConfig
from trainer.config.optimizer import OptimizerConfig, Sgd


def build_optimizer(config: OptimizerConfig, parameters: Iterable[nn.Parameter], device: torch.device) -> Optimizer:
    """The optimizer over all parameters, frozen ones too, so that freezing moves no state; fused where the device has it."""
    all_parameters = list(parameters)
    dtype = all_parameters[0].dtype if all_parameters else torch.float32
    match config:
        case Sgd():
            return SGD(
                all_parameters,
                lr=config.lr,
                momentum=config.momentum,
                # Nesterov's look ahead is along the momentum; without any there is nowhere to look, and torch refuses.
                nesterov=config.nesterov and config.momentum > 0,
                weight_decay=config.weight_decay,
                fused=_fuses(SGD, device, dtype),
            )
        case AdamWConfig():
            return AdamW(all_parameters, **_adam(config), fused=_fuses(AdamW, device, dtype))
        case AdamConfig():
            return Adam(all_parameters, **_adam(config), fused=_fuses(Adam, device, dtype))


def _adam(config: AdamConfig | AdamWConfig) -> dict[str, Any]:
    return {"lr": config.lr, "betas": config.betas, "eps": config.eps, "weight_decay": config.weight_decay}


@functools.cache
def _fuses(kind: type[Optimizer], device: torch.device, dtype: torch.dtype) -> bool | None:
    """True where one step of the fused kernel works, else None, which leaves the choice to torch."""
    weight = nn.Parameter(torch.zeros(2, device=device, dtype=dtype))
    weight.grad = torch.ones_like(weight)
    try:
        optimizer: Any = kind
        optimizer([weight], lr=1.0, fused=True).step()
    except (RuntimeError, TypeError, NotImplementedError):
        return None
    return bool(torch.isfinite(weight).all()) or None
