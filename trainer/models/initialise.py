"""Initialization of the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

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
_NORMS = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.modules.batchnorm._NormBase)  # noqa: SLF001 - what all batch and instance norms are
_NAMED = 4  # parameters that a sentence names
_RECURRENT = (nn.RNNBase, nn.RNNCellBase)


def initialise(config: InitConfig, model: nn.Module) -> list[str]:
    """Initialise every matrix and kernel, then load what was pretrained; returns what was done, in sentences.

    Biases of these layers become zero, and so does the padding row of an embedding. Norms, frozen parameters and those that are no
    layer's weight, such as position embeddings, keep the model's own initialization; these last are named. Raises UserError for a file that cannot be loaded, and for weights that
    cannot be initialized so.
    """
    notes = []
    if not isinstance(config, DefaultInit):
        fill = _filler(config)
        drawn, zeroed = list(weights_of(model)), list(_biases(model))
        with torch.no_grad():
            for weight in (part for parameter, parts in drawn for part in parameter.chunk(parts)):
                try:
                    fill(weight)
                except (RuntimeError, NotImplementedError) as error:
                    if out_of_memory(error):
                        raise
                    dtype = str(weight.dtype).removeprefix("torch.")
                    raise UserError(f"init.kind: {config.kind} cannot initialize weights of {dtype}; choose another, or default") from error
            for bias in zeroed:
                bias.zero_()
            for module in model.modules():
                if isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.padding_idx is not None and module.weight.requires_grad:
                    module.weight[module.padding_idx].zero_()
        notes.append(f"{config.kind} on {sum(parts for _, parts in drawn)} weights; {len(zeroed)} biases are zero{_left(model, drawn, zeroed)}")
    if config.pretrained:
        notes += load_pretrained(config.pretrained, model, config.pretrained_weights)
    return notes


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


def _left(model: nn.Module, drawn: Iterable[tuple[Tensor, int]], zeroed: Iterable[Tensor]) -> str:
    """What keeps the initialization that the model has given it: norms, and by name whatever else."""
    done = {id(parameter) for parameter, _ in drawn} | {id(parameter) for parameter in zeroed}
    norms = {id(parameter) for module in model.modules() if isinstance(module, _NORMS) for parameter in module.parameters(recurse=False)}
    others = [name for name, parameter in model.named_parameters() if id(parameter) not in done | norms]
    found = ["norms"] if norms - done else []
    found += others if len(others) <= _NAMED + 1 else [*others[:_NAMED], f"{len(others) - _NAMED} more"]
    return f"; as the model made them: {', '.join(found)}" if found else ""


def weights_of(model: nn.Module) -> Iterator[tuple[Tensor, int]]:
    """Each matrix and kernel once, and how many it is: what a layer keeps in one, as attention its three and an LSTM its four, are as many."""
    seen: set[int] = set()
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.dim() < 2 or id(parameter) in seen or not _is_weight(module, name):
                continue
            seen.add(id(parameter))
            yield parameter, _stacked(module, name)


def _biases(model: nn.Module) -> Iterator[Tensor]:
    """The biases of layers that have a matrix or a kernel."""
    for module in model.modules():
        own = dict(module.named_parameters(recurse=False))
        if any(parameter.dim() >= 2 and _is_weight(module, name) for name, parameter in own.items()):
            recurrent = isinstance(module, _RECURRENT)
            for name, parameter in own.items():
                if parameter.requires_grad and (name.endswith("bias") or (recurrent and name.startswith("bias_"))):
                    yield parameter


def _is_weight(module: nn.Module, name: str) -> bool:
    # The scale of a norm over several dimensions is none, whatever its shape.
    if isinstance(module, _NORMS) or not (name.endswith("weight") or (isinstance(module, _RECURRENT) and name.startswith("weight_"))):
        return False
    parameter = module.get_parameter(name)
    # In a module of the user's, what begins with one value everywhere is a scale or a shift, such as that of a norm of shape (C, 1, 1).
    torchs = type(module).__module__.startswith("torch.")
    return parameter.requires_grad and (torchs or not bool((parameter == parameter.flatten()[:1]).all()))


def _stacked(module: nn.Module, name: str) -> int:
    """How many matrices this one is, above each other."""
    if name == "in_proj_weight":
        return 3
    gates = 4 if isinstance(module, nn.LSTM | nn.LSTMCell) else 3 if isinstance(module, nn.GRU | nn.GRUCell) else 1
    # What an LSTM projects its output with has none.
    return 1 if name.startswith("weight_hr") else gates
