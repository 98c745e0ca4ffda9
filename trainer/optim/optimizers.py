"""Optimizers by kind."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adagrad, Adam, AdamW, NAdam, Optimizer, RAdam, RMSprop

from gradtop.trainer.config.optimizer import Muon as MuonConfig
from gradtop.trainer.config.optimizer import OptimizerConfig
from gradtop.trainer.optim.muon import MuonWithAdamW

KINDS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "nadam": NAdam,
    "radam": RAdam,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
}
# Fields of a config that are no argument of torch's.
_OURS = {"kind", "decay_all"}
# What decays where the rest does not: what is more than a vector, biases and the scales of norms being vectors.
_MATRIX = 2

Named = list[tuple[str, nn.Parameter]]
Group = dict[str, Any]


def build_optimizer(config: OptimizerConfig, model: nn.Module, device: torch.device) -> Optimizer:
    """The optimizer over all parameters, frozen ones too, so that freezing moves no state; fused where the device has it.

    Its groups know the names of their parameters; one that is kept from weight decay has `decays` False.
    """
    named = list(model.named_parameters())
    if isinstance(config, MuonConfig):
        return MuonWithAdamW(config, model)
    arguments = {name: value for name, value in vars(config).items() if name not in _OURS}
    if not arguments.get("momentum"):
        # Nesterov's look ahead is along the momentum; without any there is nowhere to look, and torch refuses.
        arguments.pop("nesterov", None)
    kind: Any = KINDS[config.kind]
    dtype = named[0][1].dtype if named else torch.float32
    if (fused := _fuses(kind, device, dtype)) is not None:
        arguments["fused"] = fused
    made: Optimizer = kind(groups(named, decay_all=config.decay_all), **arguments)
    if kind is SGD:
        made.register_step_pre_hook(_begin_momentum)
    return made


def groups(named: Named, *, decay_all: bool) -> list[Group]:
    """One group, or where biases and norms are not to decay, those in a group of their own."""
    if decay_all:
        return [{"params": named}]
    decaying = [(name, parameter) for name, parameter in named if parameter.dim() >= _MATRIX]
    others = [(name, parameter) for name, parameter in named if parameter.dim() < _MATRIX]
    both: list[Group] = [{"params": decaying}, {"params": others, "weight_decay": 0.0, "decays": False}]
    return [group for group in both if group["params"]]


def named_parameters(optimizer: Optimizer) -> Iterator[tuple[str, nn.Parameter]]:
    for group in optimizer.param_groups:
        yield from zip(group["param_names"], group["params"], strict=True)


def state_by_name(saved: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The state of each parameter in an optimizer's state dict, by the parameter's name."""
    found = {}
    for group in saved["param_groups"]:
        for number, name in zip(group["params"], group.get("param_names", ()), strict=False):
            if number in saved["state"]:
                found[name] = saved["state"][number]
    return found


def complete_state(optimizer: Optimizer) -> None:
    """Give RMSprop the momentum that it makes room for before its first step alone."""
    if not isinstance(optimizer, RMSprop):
        return
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state.get(parameter)
            if state and group["momentum"] and "momentum_buffer" not in state:
                state["momentum_buffer"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)


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
