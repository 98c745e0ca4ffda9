"""Initialization of the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from gradtop.trainer.models.init_config import (
    DefaultInit,
    InitConfig,
    KaimingNormal,
    KaimingUniform,
    Normal,
    Orthogonal,
    XavierNormal,
    XavierUniform,
    Zeros,
)
from gradtop.trainer.models.pretrained import load_pretrained
from gradtop.trainer.runtime.device import out_of_memory
from gradtop.trainer.runtime.errors import UserError

# The slope of nn.LeakyReLU; of what is no leaky ReLU it is not asked.
_LEAK = 0.01
_NORMS = (nn.LayerNorm, nn.RMSNorm)
_RECURRENT = (nn.RNNBase, nn.RNNCellBase)


def initialise(config: InitConfig, model: nn.Module) -> list[str]:
    """Initialise every matrix and kernel, then load what was pretrained; returns what was done, in sentences.

    Biases of these layers become zero. Norms keep scale 1 and shift 0; parameters that are no layer's weight, such as position
    embeddings, keep the model's own initialization. Raises UserError for a file that cannot be loaded, and for weights that
    cannot be initialized so.
    """
    said = []
    if not isinstance(config, DefaultInit):
        fill = _filler(config)
        weights, biases = 0, 0
        with torch.no_grad():
            for weight in _weights(model):
                try:
                    fill(weight)
                except (RuntimeError, NotImplementedError) as error:
                    if out_of_memory(error):
                        raise
                    dtype = str(weight.dtype).removeprefix("torch.")
                    raise UserError(f"init.kind: {config.kind} cannot initialize weights of {dtype}; choose another, or default") from error
                weights += 1
            for bias in _biases(model):
                bias.zero_()
                biases += 1
        said.append(f"{config.kind} on {weights} weights; {biases} biases are zero; norms keep scale 1 and shift 0")
    if config.pretrained:
        said += load_pretrained(config.pretrained, model)
    return said


def _filler(config: InitConfig) -> Callable[[Tensor], object]:
    match config:
        case XavierUniform():
            return lambda weight: nn.init.xavier_uniform_(weight, config.gain)
        case XavierNormal():
            return lambda weight: nn.init.xavier_normal_(weight, config.gain)
        case KaimingUniform():
            return lambda weight: nn.init.kaiming_uniform_(weight, _LEAK, config.fan, config.nonlinearity)
        case KaimingNormal():
            return lambda weight: nn.init.kaiming_normal_(weight, _LEAK, config.fan, config.nonlinearity)
        case Normal():
            return lambda weight: nn.init.normal_(weight, std=config.std)
        case Orthogonal():
            return lambda weight: nn.init.orthogonal_(weight, config.gain)
        case Zeros():
            return nn.init.zeros_
        case _:
            raise AssertionError(f"no initialisation {config.kind}")


def _weights(model: nn.Module) -> Iterator[Tensor]:
    """Each matrix and kernel once; what a layer keeps in one, as attention its three and an LSTM its four, are as many."""
    seen: set[int] = set()
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.dim() < 2 or id(parameter) in seen or not _is_weight(module, name):
                continue
            seen.add(id(parameter))
            yield from parameter.chunk(_stacked(module, name))


def _biases(model: nn.Module) -> Iterator[Tensor]:
    """The biases of layers that have a matrix or a kernel."""
    for module in model.modules():
        own = dict(module.named_parameters(recurse=False))
        if any(parameter.dim() >= 2 and _is_weight(module, name) for name, parameter in own.items()):
            recurrent = isinstance(module, _RECURRENT)
            yield from (parameter for name, parameter in own.items() if name.endswith("bias") or (recurrent and name.startswith("bias_")))


def _is_weight(module: nn.Module, name: str) -> bool:
    # The scale of a norm over several dimensions is none, whatever its shape.
    return not isinstance(module, _NORMS) and (name.endswith("weight") or (isinstance(module, _RECURRENT) and name.startswith("weight_")))


def _stacked(module: nn.Module, name: str) -> int:
    """How many matrices this one is, above each other."""
    if name == "in_proj_weight":
        return 3
    gates = 4 if isinstance(module, nn.LSTM | nn.LSTMCell) else 3 if isinstance(module, nn.GRU | nn.GRUCell) else 1
    # What an LSTM projects its output with has none.
    return 1 if name.startswith("weight_hr") else gates
