"""Parameters of a model that are not tied and could be: what that would save."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from gradtop.trainer.models.tied import identity_of

Why = Literal["embedding and output layer", "equal values", "same shape"]
MOST = 12  # groups that are named


@dataclass(frozen=True)
class Shareable:
    """Parameters of one shape and dtype, of the first of which the others could be other names; `bytes` are those that this saves."""

    why: Why
    names: tuple[str, ...]
    bytes: int


def shareable(model: nn.Module, *, values: bool = False) -> tuple[Shareable, ...]:
    """Embeddings with the output layer of their shape (Press & Wolf, 2017), with `values` parameters that are equal, and matrices of the same
    shape in layers of the same kind, as in ALBERT (Lan et al., 2020); those first that say most, then those that save most.
    """
    own: dict[str, nn.Parameter] = {}
    seen: set[object] = set()
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if (identity := identity_of(parameter)) not in seen and not isinstance(parameter, nn.UninitializedParameter):
            seen.add(identity)
            own[name] = parameter
    found = [*_embeddings(model, own), *(_equal(own) if values else ())]
    named = {name for group in found for name in group.names}
    found += sorted(_of_one_shape(model, {name: each for name, each in own.items() if name not in named}), key=lambda group: -group.bytes)
    return tuple(found[:MOST])


def _embeddings(model: nn.Module, own: dict[str, nn.Parameter]) -> Iterator[Shareable]:
    outputs = [(f"{path}.weight", module.weight) for path, module in model.named_modules() if isinstance(module, nn.Linear)]
    for path, module in model.named_modules():
        if isinstance(module, nn.Embedding) and (name := f"{path}.weight") in own:
            fitting = [output for output, weight in outputs if output in own and weight.shape == module.weight.shape and weight.dtype == module.weight.dtype]
            if fitting:
                yield Shareable("embedding and output layer", (name, fitting[-1]), _bytes(module.weight))


def _equal(own: dict[str, nn.Parameter]) -> Iterator[Shareable]:
    groups: dict[tuple[object, ...], list[list[str]]] = {}
    for name, parameter in own.items():
        value = parameter.detach()
        # Zeros and ones are how many begin, and say nothing.
        if value.is_meta or value.numel() < 2 or bool((value == value.flatten()[0]).all()):
            continue
        alike = groups.setdefault((value.shape, value.dtype), [])
        known = next((group for group in alike if torch.equal(own[group[0]].detach(), value)), None)
        if known is None:
            alike.append([name])
        else:
            known.append(name)
    for group in (group for alike in groups.values() for group in alike if len(group) > 1):
        yield Shareable("equal values", tuple(group), (len(group) - 1) * _bytes(own[group[0]]))


def _of_one_shape(model: nn.Module, own: dict[str, nn.Parameter]) -> Iterator[Shareable]:
    kinds = {path: type(module) for path, module in model.named_modules()}
    groups: dict[tuple[object, ...], list[str]] = {}
    for name, parameter in own.items():
        path, _, last = name.rpartition(".")
        if parameter.dim() > 1:
            groups.setdefault((kinds.get(path), last, parameter.shape, parameter.dtype), []).append(name)
    for group in groups.values():
        if len(group) > 1:
            yield Shareable("same shape", tuple(group), (len(group) - 1) * _bytes(own[group[0]]))


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
