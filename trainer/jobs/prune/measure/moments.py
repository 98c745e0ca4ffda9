"""The optimizer's state of a model that loses channels: that of the channels that are left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from gradtop.trainer.optim.optimizer import state_by_name


def moment_models(state: Mapping[str, Any], copy: Callable[[], nn.Module]) -> dict[str, nn.Module]:
    """For each tensor that the optimizer keeps of a parameter, a copy of the model that has it in the place of the weights: what is removed of them is removed of it."""
    kept = _moments(state)
    found: dict[str, nn.Module] = {}
    for key in dict.fromkeys(key for tensors in kept.values() for key in tensors):
        model = copy()
        for name, parameter in model.named_parameters():
            moment = kept.get(name, {}).get(key)
            if moment is not None and moment.shape == parameter.shape:
                parameter.data = moment.to(parameter.device, parameter.dtype, copy=True)
        found[key] = model
    return found


def put_moments(state: Mapping[str, Any], models: Mapping[str, nn.Module]) -> None:
    """Put what is left into the optimizer's state of a checkpoint."""
    saved = state_by_name(state["optimizer"]) if models else {}
    for key, model in models.items():
        for name, parameter in model.named_parameters():
            moment = saved.get(name, {}).get(key)
            if isinstance(moment, Tensor) and moment.dim():
                saved[name][key] = parameter.detach().to(moment.device, moment.dtype)


def _moments(state: Mapping[str, Any]) -> dict[str, dict[str, Tensor]]:
    """By parameter and by their name; counters of steps are none."""
    saved = state_by_name(state["optimizer"])
    return {name: {key: value for key, value in tensors.items() if isinstance(value, Tensor) and value.dim()} for name, tensors in saved.items()}
