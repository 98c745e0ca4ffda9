"""torchvision's classification models, made to fit the data."""

from __future__ import annotations

import difflib
from typing import Any

import torch
from torch import nn

from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.models.kinds.torchvision import TorchvisionModel
from gradtop.trainer.runtime.device import out_of_memory
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.vision import torchvision


def build_torchvision(config: TorchvisionModel, info: DataInfo) -> nn.Module:
    """Raises UserError for a name that torchvision has not, and for a model that cannot take such images."""
    models = torchvision("models", f"model.kind = {config.kind}")
    names = models.list_models(module=models)
    if config.name not in names:
        near = difflib.get_close_matches(config.name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"such are {', '.join(names[:3])} … {names[-1]}"
        raise UserError(f"model.name: torchvision has no classification model {config.name!r}; {hint}")
    ours = {"weights": None, "num_classes": info.outputs}
    if taken := sorted(ours.keys() & config.arguments.keys()):
        raise UserError(f"model.arguments: {' and '.join(taken)} cannot be given, as the data and init.pretrained decide them")
    model = _build(models, config, {**ours, **_options(config.name, info), **config.arguments}, info.size)
    try:
        adapt_channels(model, info.channels)
        _try_out(model, info)
    except Exception as error:
        if out_of_memory(error) or isinstance(error, NotImplementedError):
            raise
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise _unfit(config, info.size, reason) from error
    return model


def _unfit(config: TorchvisionModel, size: int, reason: str) -> UserError:
    return UserError(f"{config.name} cannot take images of {size}×{size} pixels ({reason}); choose another model")


def _build(models: Any, config: TorchvisionModel, arguments: dict[str, Any], size: int) -> nn.Module:
    try:
        model: nn.Module = models.get_model(config.name, **arguments)
    except Exception as error:
        if out_of_memory(error) or isinstance(error, NotImplementedError):
            raise
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        if config.arguments:
            raise UserError(f"model.arguments: {config.name} cannot be built with {', '.join(config.arguments)} ({reason})") from error
        raise _unfit(config, size, reason) from error
    return model


def _options(name: str, info: DataInfo) -> dict[str, Any]:
    if name in ("googlenet", "inception_v3"):
        # The auxiliary heads would make the output a tuple while training. The initialisation is the published one;
        # left open, torchvision warns.
        return {"aux_logits": False, "init_weights": True}
    if name.startswith("vit_"):
        return {"image_size": info.size}
    if name.startswith("maxvit"):
        return {"input_size": (info.size, info.size)}
    return {}


def adapt_channels(model: nn.Module, channels: int) -> None:
    """Make the first convolution, which torchvision builds for colour, take images of so many channels."""
    if channels == 3:
        return
    first = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
    colour = first.weight.detach()
    # The weights are random still: taken again for each channel, and scaled so that what comes out stays as large.
    places = torch.arange(channels, device=colour.device) % 3
    first.in_channels = channels
    first.weight = nn.Parameter(colour[:, places] * (3 / channels) ** 0.5)


@torch.no_grad()
def _try_out(model: nn.Module, info: DataInfo) -> None:
    """One image through the model, for the error that it would raise in training."""
    device = next(model.parameters()).device
    model.eval()
    outputs = model(torch.zeros(1, info.channels, info.size, info.size, device=device))
    model.train()
    if not isinstance(outputs, torch.Tensor):
        raise TypeError(f"it returns {type(outputs).__name__}, not one tensor")
