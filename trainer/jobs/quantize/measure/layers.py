"""Which layers of a model can be quantized, and why others cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import torch
from torch import nn

from gradtop.trainer.jobs.quantize.config import DYNAMIC_INT8_TORCH, WEIGHT_INT4, WEIGHT_INT8
from gradtop.trainer.models.matching import several
from gradtop.trainer.runtime.errors import UserError

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
KINDS: tuple[type[nn.Module], ...] = (nn.Linear, nn.LSTM, *CONVOLUTIONS)
LayersByName = Mapping[str, nn.Module]


def takes(method: str, module: nn.Module) -> bool:
    """Whether a method quantizes layers of this kind. A subclass may use its weight in another way."""
    kind = type(module)
    return kind is nn.Linear or (kind is nn.LSTM and method == DYNAMIC_INT8_TORCH) or (kind in CONVOLUTIONS and method in {WEIGHT_INT8, WEIGHT_INT4})


def quantizable(model: nn.Module, patterns: Sequence[str] = ()) -> dict[str, nn.Module]:
    """The layers that some method quantizes and whose names match one of the patterns, all without any. Raises UserError."""
    times = parameter_uses(model)
    found = {name: module for name, module in model.named_modules() if type(module) in KINDS and not why_not(module, times)}
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in found):
            raise UserError(f"quantize.layers: no layer that can be quantized matches {pattern!r}; there are {several(list(found)) or 'none'}")
    return {name: module for name, module in found.items() if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)}


def parameter_uses(model: nn.Module) -> Mapping[int, int]:
    """Under how many names each parameter is there."""
    return Counter(id(parameter) for module in model.modules() for parameter in module._parameters.values() if parameter is not None)  # noqa: SLF001 - of this module alone


def why_not(module: nn.Module, times: Mapping[int, int]) -> str:
    """Why a layer of a kind that can be quantized is left as it is, "" where it is not."""
    own = {name: parameter for name, parameter in module._parameters.items() if parameter is not None}  # noqa: SLF001
    weights = [parameter for name, parameter in own.items() if name.startswith("weight")]
    if not weights or any(module.children()):
        return "its weight is computed from others"
    if any(times[id(each)] > 1 for each in weights):
        return "its weight is tied to another layer's"
    if any(each.dtype != torch.float32 for each in weights):
        return f"its weight is {str(weights[0].dtype).removeprefix('torch.')}, not float32"
    if isinstance(module, nn.LSTM) and module.proj_size:
        return "it has a projection"
    return ""


def left_alone(model: nn.Module, layers: LayersByName) -> list[dict[str, object]]:
    """Of what is not among the layers: `kind`, `parameters`, and the `reason`, which is "" where no method knows the kind; the largest first."""
    times = parameter_uses(model)
    found: Counter[tuple[str, str]] = Counter()
    seen = {id(parameter) for module in layers.values() for parameter in module.parameters()}
    for module in model.modules():
        own = [parameter for parameter in module._parameters.values() if parameter is not None and id(parameter) not in seen]  # noqa: SLF001
        if not own or any(module is each for each in layers.values()):
            continue
        seen |= {id(parameter) for parameter in own}
        reason = "" if type(module) not in KINDS else why_not(module, times) or "quantize.layers does not name it"
        found[kind_of(module), reason] += sum(parameter.numel() for parameter in own)
    return [{"kind": kind, "reason": reason, "parameters": count} for (kind, reason), count in found.most_common()]


def kind_of(module: nn.Module) -> str:
    """The class of a module as people know it: torch has one of its own for the output projection of `MultiheadAttention`."""
    return nn.MultiheadAttention.__name__ if isinstance(module, nn.modules.linear.NonDynamicallyQuantizableLinear) else type(module).__name__


def parameters_of(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
