"""Parameters that do not train."""

from __future__ import annotations

from fnmatch import fnmatchcase

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainer.config import FreezeConfig
from trainer.config.freeze import FreezeBackbone, FreezeEarly, FreezePartial, FreezePattern, NoFreeze


def frozen_names(config: FreezeConfig, model: nn.Module) -> set[str]:
    """The names of the parameters that are frozen; the head is the last module that has any of its own."""
    names = [name for name, _ in model.named_parameters()]
    layers = list(dict.fromkeys(_module(name) for name in names))
    match config:
        case NoFreeze():
            return set()
        case FreezePattern():
            return {name for name in names if any(fnmatchcase(name, pattern) for pattern in config.patterns)}
        case FreezePartial():
            chosen = set(layers[: config.layers])
            return {name for name in names if _module(name) in chosen}
        case FreezeBackbone():
            return {name for name in names if _module(name) != layers[-1]}
        case FreezeEarly():
            last = _last_stage(layers)
            return {name for name in names if _module(name) not in last}


def freeze(config: FreezeConfig, model: nn.Module, epoch: int) -> list[str]:
    """Freeze and unfreeze for `epoch` (counted from 1); returns the names of what is frozen now."""
    thawed = not isinstance(config, NoFreeze) and 0 < config.unfreeze_epoch <= epoch
    frozen = set() if thawed else frozen_names(config, model)
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
        if isinstance(module, _BatchNorm) and not any(parameter.requires_grad for parameter in module.parameters()):
            module.eval()


def _module(name: str) -> str:
    return name.rpartition(".")[0]


def _last_stage(layers: list[str]) -> set[str]:
    """The head, and the last stage of the backbone: what shares the first part of its name that is not a bare container.

    Of a ResNet that is `layer4`, of blocks in a list (`blocks.0`, `blocks.1`) the last one.
    """
    head, backbone = layers[-1], layers[:-1]
    if not backbone:
        return {head}
    last = backbone[-1].split(".")
    depth = next((index for index, part in enumerate(last) if not part.isdigit()), 0) + 1
    stages = {tuple(layer.split(".")[:depth]) for layer in backbone}
    while len(stages) == 1 and depth < len(last):
        depth += 1
        stages = {tuple(layer.split(".")[:depth]) for layer in backbone}
    return {head, *(layer for layer in backbone if layer.split(".")[:depth] == last[:depth])}
