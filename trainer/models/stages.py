"""The parts of a model that freezing and optimizers tell apart."""

from __future__ import annotations

from torch import nn

_MATRIX = 2


def head_of(model: nn.Module) -> set[str]:
    """The names of the head's parameters: the last module with a matrix; a tied one has the name under which it is counted."""
    counted = {id(parameter): name for name, parameter in model.named_parameters()}
    own = [
        (name.rpartition(".")[0], parameter)
        for name, parameter in model.named_parameters(remove_duplicate=False)
    ]
    matrices = [path for path, parameter in own if parameter.dim() >= _MATRIX]
    last = (matrices or [path for path, _ in own])[-1:]
    return {counted[id(parameter)] for path, parameter in own if path in last}


def last_stage_of(model: nn.Module) -> set[str]:
    """The names of the parameters of the backbone's last stage, with the norms that follow it.

    A stage is a numbered part (`layer4`, `blocks.3`, `denseblock4`), or what else stands beside its like; a container that
    holds most of the backbone is none itself.
    """
    head = head_of(model)
    backbone = [(name, parameter.dim()) for name, parameter in model.named_parameters() if name not in head]
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name, dim in backbone if dim >= _MATRIX))
    if not layers:
        return set()
    last = layers[-1].split(".")
    depth = 0
    while depth < len(last):
        depth += 1
        within = sum(layer.split(".")[:depth] == last[:depth] for layer in layers)
        whole = within == len(layers) and depth < len(last)
        most = 2 * within > len(layers) and not last[depth - 1][-1].isdigit()
        if not whole and not most:
            break
    stage = [number for number, (name, _) in enumerate(backbone) if name.split(".")[:-1][:depth] == last[:depth]]
    return {name for number, (name, dim) in enumerate(backbone) if number >= stage[0] and (number <= stage[-1] or dim < _MATRIX)}
