"""Which weights of a model can be pruned, and which of them a method prunes, by torch.nn.utils.prune."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.utils import prune

from gradtop.trainer.data.nested import ModelInputs
from gradtop.trainer.jobs.prune.config import CHANNEL, GLOBAL, LAYER, RANDOM
from gradtop.trainer.models.calling import call_model
from gradtop.trainer.models.matching import several
from gradtop.trainer.models.pruned import Masks, zero_masked
from gradtop.trainer.runtime.errors import UserError

WEIGHT = "weight"
Layers = Mapping[str, nn.Module]


def prunable(model: nn.Module, patterns: Sequence[str] = ()) -> dict[str, nn.Module]:
    """The convolutions and linear layers whose names match one of the patterns, all without any; of a weight with two names the first. Raises UserError."""
    seen: set[int] = set()
    found: dict[str, nn.Module] = {}
    for name, module in model.named_modules():
        weight = module._parameters.get(WEIGHT)  # noqa: SLF001 - not one that something else computes
        if isinstance(module, _ConvNd | nn.Linear) and weight is not None and weight.layout == torch.strided and id(weight) not in seen:
            seen.add(id(weight))
            found[name] = module
    if not found:
        raise UserError("the model has no convolutions and no linear layers with weights of their own, so that there is nothing to prune")
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in found):
            raise UserError(f"prune.layers: no convolution or linear layer matches {pattern!r}; there are {several(list(found))}")
    return {name: module for name, module in found.items() if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)}


def weight_names(model: nn.Module, layers: Layers) -> dict[str, str]:
    """The names of the layers' weights among the parameters: of one that is tied that of its first place."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {layer: names[id(module.get_parameter(WEIGHT))] for layer, module in layers.items()}


def output_layer(model: nn.Module, inputs: ModelInputs) -> str:
    """The last convolution or linear layer that a forward pass runs, "" where it runs none."""
    last: list[str] = []
    hooks = [module.register_forward_hook(lambda *_, name=name: last.append(name)) for name, module in prunable(model).items()]
    try:
        with torch.no_grad():
            call_model(model, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return last[-1] if last else ""


def without(layers: Layers, output: str, method: str) -> dict[str, nn.Module]:
    """The layers whose channels can be pruned: those of the output layer are the classes. Raises UserError where there is no other."""
    found = {name: module for name, module in layers.items() if name != output}
    if not found:
        raise UserError(f"{method} prunes output channels, and {output or 'the only layer'} is the output layer, whose channels are the classes; choose other layers or another method")
    return found


def find_masks(model: nn.Module, layers: Layers, method: str, amount: float, *, seed: int, before: Masks, output: str) -> Masks:
    """The masks of a method, by parameter, which keep nothing that one `before` did not; made permanent in the model. Raises UserError."""
    chosen = without(layers, output, method) if method == CHANNEL else layers
    names = weight_names(model, chosen)
    if method == GLOBAL:
        prune.global_unstructured([(module, WEIGHT) for module in chosen.values()], pruning_method=prune.L1Unstructured, amount=float(amount))
    elif method == RANDOM:
        torch.manual_seed(seed)
    for module in chosen.values():
        if method == LAYER:
            prune.l1_unstructured(module, WEIGHT, amount=float(amount))
        elif method == RANDOM:
            prune.random_unstructured(module, WEIGHT, amount=float(amount))
        elif method == CHANNEL:
            prune.ln_structured(module, WEIGHT, amount=float(amount), n=2, dim=1 if isinstance(module, _ConvTransposeNd) else 0)
    masks: Masks = {}
    for name, module in chosen.items():
        masks[names[name]] = module.get_buffer(f"{WEIGHT}_mask").bool()
        prune.remove(module, WEIGHT)
    masks = {**before, **{name: kept & before[name].to(kept.device) if name in before else kept for name, kept in masks.items()}}
    zero_masked(model, masks)
    return masks
