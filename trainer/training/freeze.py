"""Parameters that do not train."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from gradtop.trainer.config import FreezeConfig
from gradtop.trainer.config.freeze import FreezeBackbone, FreezeEarly, FreezePartial, FreezePattern, NoFreeze
from gradtop.trainer.models.stages import head_of, last_stage_of
from gradtop.trainer.runtime.errors import UserError


def frozen_names(config: FreezeConfig, model: nn.Module) -> set[str]:
    """The names of the parameters that are frozen."""
    names = [name for name, _ in model.named_parameters()]
    match config:
        case NoFreeze():
            return set()
        case FreezePattern():
            return {name for name in names if any(fnmatchcase(name, pattern) for pattern in config.patterns)}
        case FreezePartial():
            layers = list(dict.fromkeys(_module(name) for name in names))
            chosen = set(layers[: config.layers])
            return {name for name in names if _module(name) in chosen}
        case FreezeBackbone():
            return set(names) - head_of(model)
        case FreezeEarly():
            return set(names) - head_of(model) - last_stage_of(model)


def check_freeze(config: FreezeConfig, model: nn.Module, fixed: Collection[str] = ()) -> None:
    """Raises UserError where nothing would train, and where a pattern fits nothing."""
    named = [name for name, _ in model.named_parameters()]
    if isinstance(config, FreezePattern):
        for pattern in config.patterns:
            if not any(fnmatchcase(name, pattern) for name in named):
                raise UserError(f"freeze.patterns: no parameter matches {pattern!r}; there are {', '.join(named[:4])}{' …' if len(named) > 4 else ''}")
    if frozen_names(config, model).union(fixed) >= set(named):
        key = {"pattern": "freeze.patterns", "partial": "freeze.layers"}.get(config.kind, "freeze.kind")
        raise UserError(f"{key}: all of the {len(named)} parameters would be frozen and nothing would train; freeze fewer")


def fixed_names(model: nn.Module) -> frozenset[str]:
    """The names of the parameters that the model itself has frozen, which stay so."""
    return frozenset(name for name, parameter in model.named_parameters() if not parameter.requires_grad)


def freeze(config: FreezeConfig, model: nn.Module, epoch: int, fixed: Collection[str] = ()) -> list[str]:
    """Freeze and unfreeze for `epoch` (counted from 1); returns the names of what is frozen now."""
    thawed = not isinstance(config, NoFreeze) and 0 < config.unfreeze_epoch <= epoch
    frozen = (set() if thawed else frozen_names(config, model)).union(fixed)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in frozen)
        if name in frozen:
            parameter.grad = None
    return sorted(frozen)


def keep_statistics(config: FreezeConfig, model: nn.Module) -> None:
    """Leave the running statistics of frozen batch norms as they are; call it after `model.train()`."""
    if isinstance(config, NoFreeze) or not config.keep_statistics:
        return
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            own = list(module.parameters())
            if own and not any(parameter.requires_grad for parameter in own):
                module.eval()


def _module(name: str) -> str:
    return name.rpartition(".")[0]
