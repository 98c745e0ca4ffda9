"""Taking channels out of a model with all that depends on them, by torch-pruning, and checking the smaller model by running it."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gradtop.trainer.data.nested import ModelInputs, take_rows
from gradtop.trainer.jobs.prune.config import REMOVAL
from gradtop.trainer.jobs.prune.measure.masks import Layers, prunable, without
from gradtop.trainer.models.pruned import ModuleShapes, changed_shapes, module_shapes
from gradtop.trainer.runtime.errors import UserError

EXTRA = "pip install 'gradtop[prune]'"
ForwardPass = Callable[[nn.Module, Tensor], Tensor]


def require_torch_pruning() -> None:
    """Raises UserError where it is not installed."""
    if importlib.util.find_spec("torch_pruning") is None:
        raise UserError(f"{REMOVAL} needs torch-pruning, which is not installed here: {EXTRA}; or leave {REMOVAL} out of prune.methods")


@dataclass(frozen=True)
class Removed:
    """`shapes` of the modules that are smaller; `difference`, the largest between an output of the smaller model and of the whole one with the inputs
    that come from removed channels set to zero, over the largest output. That is rounding, but where the model normalizes over channels.
    """

    shapes: ModuleShapes
    difference: float


@torch.no_grad()
def remove_channels(model: nn.Module, whole: nn.Module, layers: Layers, amount: float, *, inputs: ModelInputs, output: str, forward: ForwardPass, followers: Collection[nn.Module] = ()) -> Removed:
    """Take this share of the output channels of each layer out of `model`, which is changed, and the same ones out of its `followers`. `whole`, a copy
    with the same weights, gets zeros where the smaller one has nothing. Raises UserError where the model does not allow it.
    """
    require_torch_pruning()
    chosen = without(layers, output, REMOVAL)
    before = module_shapes(model)
    expected = forward(model, inputs).shape
    try:
        with torch.enable_grad(), warnings.catch_warnings():
            # It tells of parameters outside of modules, which it handles by itself.
            warnings.simplefilter("ignore")
            _remove(model, whole, chosen, amount, inputs, followers)
        outputs = forward(model, inputs)
    except UserError:
        raise
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise UserError(f"channels cannot be removed from this model ({first}): its code computes with fixed numbers of channels, or cannot be traced; masks are possible") from error
    shapes = changed_shapes(before, module_shapes(model))
    if not shapes:
        raise UserError(f"an amount of {amount:g} removes no channel: the layers have too few, or what depends on them cannot be made smaller; choose a larger amount, or masks")
    if outputs.shape != expected or not bool(outputs.isfinite().all()):
        raise UserError(f"without the channels the model gives outputs of the shape {tuple(outputs.shape)} instead of {tuple(expected)}, or such that are not finite; masks are possible")
    zeroed = forward(whole, inputs)
    return Removed(shapes, float((outputs - zeroed).abs().max() / zeroed.abs().max().clamp_min(1e-12)))


def _remove(model: nn.Module, whole: nn.Module, chosen: Layers, amount: float, inputs: ModelInputs, followers: Collection[nn.Module]) -> None:
    import torch_pruning

    others = [module for name, module in prunable(model).items() if name not in chosen]
    two: Any = take_rows(inputs, slice(2))
    pruner = torch_pruning.pruner.BasePruner(
        model, two if isinstance(inputs, Tensor | dict) else list(two), importance=torch_pruning.importance.GroupMagnitudeImportance(p=2), pruning_ratio=amount, ignored_layers=others,
    )  # fmt: skip
    graph = pruner.DG
    names = {id(module): name for name, module in model.named_modules()}
    twins = dict(whole.named_modules())
    following = [dict(each.named_modules()) for each in followers]
    kept: dict[str, list[int]] = {}  # of the inputs of each module, those that are left
    for group in pruner.step(interactive=True):
        for dependency, indices in group:
            name = names.get(id(dependency.target.module))
            if name is not None and graph.is_in_channel_pruning_fn(dependency.handler):
                _zero_inputs(twins[name], kept, name, indices)
            for modules in following if name is not None else ():
                dependency.handler.__self__.pruning_dim = dependency.target.pruning_dim
                dependency.handler(modules[name], indices)
        group.prune()


def _zero_inputs(twin: nn.Module, kept: dict[str, list[int]], name: str, indices: list[int]) -> None:
    """Set to zero what the module computes of these inputs, numbered as in the smaller model so far."""
    weight: Any = twin._parameters.get("weight")  # noqa: SLF001 - of this module alone
    if weight is None or weight.dim() < 2 or getattr(twin, "groups", 1) > 1:
        return  # of groups, what comes after them has the zeros
    left = kept.setdefault(name, list(range(weight.shape[1])))
    gone = {left[index] for index in indices}
    weight.data[:, sorted(gone)] = 0
    kept[name] = [index for index in left if index not in gone]
