"""Optimizers as torch objects: built from their declaration, and their state by the names of the parameters."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import Optimizer

from gradtop.trainer.optim.direct_step import DIRECT, ParamGroup, direct_class
from gradtop.trainer.runtime.errors import UserError

if TYPE_CHECKING:
    from gradtop.trainer.optim.optimizers import OptimizerConfig

# Fields of a declaration that are no argument of torch's.
_OURS = {"kind", "decay_all", "implementation"}
# Weight decay, where not on all, is on what is more than a vector; biases and the scales of norms are vectors.
_MATRIX = 2

# What every optimizer and device trains.
USUAL = frozenset({torch.float32, torch.float64, torch.bfloat16, torch.float16})

NamedParameters = list[tuple[str, nn.Parameter]]


def build_optimizer(config: OptimizerConfig, model: nn.Module, device: torch.device) -> Optimizer:
    """The optimizer over all parameters, frozen ones too, so that freezing moves no state. Raises UserError where it is to be fused and cannot be.

    Its groups know the names of their parameters; one that is kept from weight decay has `decays` False.
    """
    made: Optimizer = config.build(model, device)
    return made


def build_torch(config: OptimizerConfig, model: nn.Module, device: torch.device) -> Optimizer:
    """The optimizer of torch.optim whose arguments the fields of `config` are."""
    named = list(model.named_parameters())
    arguments = {name: value for name, value in vars(config).items() if name not in _OURS}
    kind: Any = getattr(torch.optim, config.torch_class)
    if config.implementation in {"foreach", "for_loop"}:
        arguments["foreach"] = config.implementation == "foreach"
    elif fuses(config, model, device):
        arguments["fused"] = True
        kind = direct_class(kind, device, next((each.dtype for each in model.parameters()), torch.float32))
    elif config.implementation == "fused":
        raise UserError(f"optimizer.implementation = fused: torch {torch.__version__} has no fused {config.torch_class} for these parameters on {device}; leave it at auto, or take foreach")
    made: Optimizer = kind(groups(named, decay_all=config.decay_all), **arguments)
    return made


def fuses(config: OptimizerConfig, model: nn.Module, device: torch.device) -> bool:
    """Whether fused kernels of its class of torch.optim work for all parameters."""
    dtypes = {parameter.dtype for parameter in model.parameters() if parameter.is_floating_point() or parameter.is_complex()} or {torch.float32}
    return bool(config.torch_class) and dtypes <= USUAL and all(_fuses(getattr(torch.optim, config.torch_class), device, dtype) for dtype in dtypes)


def groups(named: NamedParameters, *, decay_all: bool) -> list[ParamGroup]:
    """One group, or where biases and norms are not to decay, those in a group of their own."""
    if decay_all:
        return [{"params": named}]
    decaying = [(name, parameter) for name, parameter in named if parameter.dim() >= _MATRIX]
    others = [(name, parameter) for name, parameter in named if parameter.dim() < _MATRIX]
    both: list[ParamGroup] = [{"params": decaying}, {"params": others, "weight_decay": 0.0, "decays": False}]
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


def complete_state(config: OptimizerConfig, optimizer: Optimizer) -> None:
    """Add the tensors, at zero, that the optimizer would make before its first step alone."""
    for field, name in config.zero_state.items():
        if not getattr(config, field):
            continue
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                state = optimizer.state.get(parameter)
                if state and name not in state:
                    state[name] = torch.zeros_like(parameter, memory_format=torch.preserve_format)


def try_kernels(device: torch.device, dtype: torch.dtype) -> None:
    """Find out which classes have fused kernels and a direct step, so that no forked process has to."""
    kind: Any
    for kind in DIRECT:
        if _fuses(kind, device, dtype):
            direct_class(kind, device, dtype)


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
